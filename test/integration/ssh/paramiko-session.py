"""Uses a host as programs do with Paramiko: SESSION = {host, port, user, password, known, place} in JSON."""
import hashlib, io, json, os, stat, sys
import paramiko

at = json.loads(os.environ["SESSION"])
client = paramiko.SSHClient()
client.load_host_keys(at["known"])
client.connect(
    at["host"], at["port"], username=at["user"], password=at["password"], look_for_keys=False, allow_agent=False
)
result = {}

stdin, stdout, stderr = client.exec_command("cat; echo errors >&2; exit 3")
stdin.write("words")
stdin.channel.shutdown_write()
result["exec"] = [stdout.read().decode(), stderr.read().decode(), stdout.channel.recv_exit_status()]

sftp = client.open_sftp()
sftp.chdir(at["place"])
data = os.urandom(300_000)
sftp.putfo(io.BytesIO(data), "upload")
back = io.BytesIO()
sftp.getfo("upload", back)
result["same"] = back.getvalue() == data
result["sha256"] = hashlib.sha256(data).hexdigest()
sftp.rename("upload", "renamed")
sftp.symlink("renamed", "link")
sftp.chmod("renamed", 0o600)
result["mode"] = stat.S_IMODE(sftp.stat("link").st_mode)
result["names"] = sorted(sftp.listdir("."))
with sftp.open("renamed", "r+") as file:
    file.seek(10)
    file.write(b"changed")
    file.seek(10)
    result["changed"] = file.read(7).decode()
for name in ["link", "renamed"]:
    sftp.remove(name)
try:
    sftp.open("/etc/sallyport-test", "w")
    result["refused"] = None
except IOError as error:
    result["refused"] = [error.errno, str(error)]

channel = client.invoke_shell(width=90, height=20)
channel.send("stty size; exit\n")
shown = b""
# Closed or not: what has come before is still to be read.
while piece := channel.recv(4096):
    shown += piece
result["shell"] = shown.decode(errors="replace")
client.close()
json.dump(result, sys.stdout)
