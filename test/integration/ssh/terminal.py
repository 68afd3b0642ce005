"""Runs a program in a terminal of its own and does what standard input says: a JSON list of steps.

["expect", text]     waits until the text is shown, after what an earlier step waited for
["type", text]       sends the text key by key
["paste", text]      sends it at once
["resize", cols, rows]
["wait", seconds]

What was shown goes to standard output; the exit status is the program's, or 99 when something was not shown.
"""
import fcntl, json, os, pty, select, struct, sys, termios, time

steps = json.load(sys.stdin)
argv = sys.argv[1:]


def resize(fd, cols, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


pid, terminal = pty.fork()
if pid == 0:
    resize(0, 80, 24)
    os.execvp(argv[0], argv)

shown = b""
seen = 0


def read(seconds):
    """False: the program is gone."""
    global shown
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    shown += data
    return data != b""


def leave(status):
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    sys.exit(status)


for step, *given in steps:
    if step == "expect":
        text = given[0].encode()
        deadline = time.time() + 30
        while shown.find(text, seen) < 0:
            if not read(0.2) or time.time() > deadline:
                sys.stderr.write("not shown: %r\n" % given[0])
                leave(99)
        seen = shown.find(text, seen) + len(text)
    elif step == "type":
        for key in given[0]:
            os.write(terminal, key.encode())
            read(0.03)
    elif step == "paste":
        os.write(terminal, given[0].encode())
    elif step == "resize":
        resize(terminal, *given)
    elif step == "wait":
        deadline = time.time() + given[0]
        while time.time() < deadline:
            read(0.05)

deadline = time.time() + 30
while read(0.2) and time.time() < deadline:
    pass
_, status = os.waitpid(pid, 0)
leave(os.waitstatus_to_exitcode(status) & 0xFF)
