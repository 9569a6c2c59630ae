#!/usr/bin/python3
"""An OCF agent for the system test, and the guest that it runs.

The guest is one process that counts and tells its memory to whoever connects. A
live migration ends the process, sends its memory to the other host over the
network, and goes on there with the next number. As with real guests, something on
the other host takes the memory in: "guest door", which runs there all the time.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

GUEST, DOOR = 7998, 7997  # ports: of the guest, and where memory arrives
PLACE = "/run/belay-guest"
BEGIN, SAVED, ARRIVED, PID, REFUSE = (os.path.join(PLACE, name) for name in ("begin", "saved", "arrived", "pid", "refuse"))
PATIENCE = 10  # seconds, for the guest to begin or to end
RUNNING, FAILED, UNKNOWN_ACTION, STOPPED = 0, 1, 3, 7

METADATA = """<?xml version="1.0"?>
<resource-agent name="guest" version="1.0">
<version>1.1</version>
<parameters/>
<actions>
<action name="start" timeout="20s"/>
<action name="stop" timeout="20s"/>
<action name="monitor" timeout="20s" interval="5s"/>
<action name="migrate_to" timeout="20s"/>
<action name="migrate_from" timeout="20s"/>
<action name="meta-data" timeout="5s"/>
</actions>
</resource-agent>"""


def store(path, memory):
    os.makedirs(PLACE, exist_ok=True)
    with open(path + ".new", "w") as file:
        json.dump(memory, file)
    os.rename(path + ".new", path)


def take(path):
    with open(path) as file:
        memory = json.load(file)
    os.remove(path)
    return memory


def forget(*paths):
    for path in paths:
        try:
            os.remove(path)
        except FileNotFoundError:
            pass


def fail(reason):
    print("ocf-exit-reason:" + reason, file=sys.stderr)
    return FAILED


def live():
    """Is the guest, until it is told to end: then it leaves its memory behind."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    memory = take(BEGIN)
    memory["homes"].append(socket.gethostname())
    with open(PID, "w") as file:
        file.write(str(os.getpid()))
    with socket.create_server(("", GUEST)) as server:
        server.settimeout(0.02)
        while not ended:
            memory["count"] += 1
            try:
                peer, _ = server.accept()
                with peer:
                    peer.sendall(json.dumps(memory).encode())
            except OSError:  # nobody has asked, or has gone before the answer
                pass
    store(SAVED, memory)
    forget(PID)


def answers():
    """Whether the guest runs on this host; None if it is there and says nothing."""
    try:
        with socket.create_connection(("127.0.0.1", GUEST), 5) as guest:
            return True if guest.recv(1) else None
    except ConnectionRefusedError:
        return None if os.path.exists(PID) and alive(pid()) else False
    except OSError:
        return None


def pid():
    with open(PID) as file:
        return int(file.read())


def alive(process):
    """Whether a process runs; one that is dead and not reaped does not."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(holds):
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def wake(memory):
    """Lets the guest run with its memory."""
    store(BEGIN, memory)
    subprocess.Popen([sys.executable, os.path.abspath(__file__), "live"], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return RUNNING if until(answers) else fail("the guest does not answer")


def end():
    """Ends the guest; its memory is saved if it ends by itself."""
    try:
        process = pid()
    except FileNotFoundError:
        return True
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass
        if until(lambda: not alive(process)):
            forget(PID)
            return True
    return False


def start():
    if answers():
        return RUNNING
    born = f"{socket.gethostname()} {time.time_ns()}"
    return wake({"born": born, "count": 0, "homes": []})


def stop():
    if not end():
        return fail("the guest does not end")
    forget(BEGIN, SAVED, ARRIVED)
    return RUNNING


def monitor():
    found = answers()
    if found is None:
        return fail("the guest does not answer")
    return RUNNING if found else STOPPED


def migrate_to():
    target = os.environ["OCF_RESKEY_CRM_meta_migrate_target"]
    if not answers():
        return fail("there is no guest to move")
    if not end() or not os.path.exists(SAVED):
        return fail("the guest has not saved its memory")
    memory = take(SAVED)
    try:
        with socket.create_connection((target, DOOR), 5) as door:
            door.sendall(json.dumps(memory).encode())
            door.shutdown(socket.SHUT_WR)
            arrived = door.recv(2) == b"ok"
    except OSError as problem:
        wake(memory)
        return fail(f"{target}: {problem}")
    return RUNNING if arrived else fail(f"{target} has not said that the memory is there")


def migrate_from():
    if not os.path.exists(ARRIVED):
        return fail("nothing has arrived from " + os.environ["OCF_RESKEY_CRM_meta_migrate_source"])
    memory = take(ARRIVED)
    if os.path.exists(REFUSE):
        return fail("this host has no room for the guest")
    return wake(memory)


def door():
    """Takes in the memory of guests that are on their way here."""
    with socket.create_server(("", DOOR)) as server:
        while True:
            peer, _ = server.accept()
            with peer:
                text = b""
                while part := peer.recv(65536):
                    text += part
                store(ARRIVED, json.loads(text))
                peer.sendall(b"ok")


def metadata():
    print(METADATA)
    return RUNNING


ACTIONS = {"start": start, "stop": stop, "monitor": monitor, "migrate_to": migrate_to, "migrate_from": migrate_from,
           "meta-data": metadata, "live": live, "door": door}

if __name__ == "__main__":
    sys.exit(ACTIONS.get(sys.argv[1], lambda: UNKNOWN_ACTION)())
