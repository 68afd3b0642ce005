"""Changes the size of a shell's window many times: SESSION = {host, port, user, password, known, resizes} in JSON."""
import json, os, sys
import paramiko

at = json.loads(os.environ["SESSION"])
client = paramiko.SSHClient()
client.load_host_keys(at["known"])
client.connect(
    at["host"], at["port"], username=at["user"], password=at["password"], look_for_keys=False, allow_agent=False
)
channel = client.invoke_shell()
for count in range(1, at["resizes"] + 1):
    channel.resize_pty(1 + count % 200, 1 + count % 50)
channel.send("stty size; exit\n")
while True:
    piece = channel.recv(65536)
    if not piece:
        break
    sys.stdout.buffer.write(piece)
client.close()
