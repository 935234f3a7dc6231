# SPDX-License-Identifier: Apache-2.0
"""Runs processes on a host of the rig, for the rig, which asks over XML-RPC."""
import os
import socketserver
import subprocess
import threading
import time
import xmlrpc.server


class Agent:
    def __init__(self):
        self.processes = {}
        self.output = {}
        self.lock = threading.Lock()

    def _read(self, number, stream):
        for line in stream:
            self.output[number].append(line.rstrip("\n"))

    def start(self, argv, environment):
        process = subprocess.Popen(argv, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, errors="replace")
        with self.lock:
            number = len(self.processes)
            self.processes[number] = process
            self.output[number] = []
        reader = threading.Thread(target=self._read, args=(number, process.stdout), daemon=True)
        process.reader = reader
        reader.start()
        return number

    def lines(self, number):
        return self.output[number]

    def ended(self, number):
        """The exit status, or -1000 while it runs; after its output has been read."""
        status = self.processes[number].poll()
        if status is None or self.processes[number].reader.is_alive():
            return -1000
        return status

    def signal(self, number, signal):
        if self.processes[number].poll() is None:
            self.processes[number].send_signal(signal)
        return True

    def set_clock(self, ahead):
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_MONOTONIC) + ahead)
        return time.time()

    def clock(self):
        return time.time()

    def mounts(self):
        with open("/proc/mounts", encoding="utf-8") as mounts:
            return [line for line in mounts.read().splitlines() if " nfs" in line]


class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("0.0.0.0", 7000), logRequests=False, allow_none=True)
server.register_instance(Agent())
print("ready", flush=True)
server.serve_forever()
