# SPDX-License-Identifier: Apache-2.0
"""nginx on loopback, which serves plain files where the service has its results."""

import hashlib
import os
import signal
import socket
import subprocess
import time

from commands import ENVIRONMENT, Trouble

# What each of its servers is told beside the root: the same files, three kinds of service.
SERVERS = {
    "plain": "",
    "limited": "limit_rate 20m;",
    "rangeless": "max_ranges 0;",
}


class Origin:
    """Serves `<directory>/tree`, with an HTML index of each directory for contenders that list by it."""

    def __init__(self, directory):
        self.directory = directory
        self.tree = os.path.join(directory, "tree")
        self.digests = {}
        self.ports = {}
        self._server = None

    def path(self, project, name=""):
        return os.path.join(self.tree, "v2", project, "ies", "result", name)

    def url(self, server):
        return f"http://127.0.0.1:{self.ports[server]}"

    def directory_url(self, server, project):
        return f"{self.url(server)}/v2/{project}/ies/result/"

    def create(self, project, name, size):
        """Writes a file of `size` random bytes and remembers its SHA-256."""
        path = self.path(project, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        digest = hashlib.sha256()
        with open(path, "wb") as file:
            left = size
            while left > 0:
                piece = os.urandom(min(left, 1 << 20))
                digest.update(piece)
                file.write(piece)
                left -= len(piece)
        self.digests[project, name] = digest.hexdigest()

    def start(self):
        """Starts nginx and returns once it answers."""
        self.ports = _free_ports(SERVERS)
        file = os.path.join(self.directory, "nginx.conf")
        with open(file, "w") as configuration:
            configuration.write(self._configuration())
        self._server = subprocess.Popen(
            ["nginx", "-p", self.directory, "-c", file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=ENVIRONMENT, start_new_session=True)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports["plain"]), 1).close()
                return
            except OSError as error:
                if self._server.poll() is not None or time.monotonic() > end:
                    raise Trouble(f"nginx does not start: see {self.directory}/error.log") from error
                time.sleep(0.05)

    def stop(self):
        if self._server:
            self._server.terminate()
            try:
                self._server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(self._server.pid, signal.SIGKILL)

    def _configuration(self):
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {self.directory}/{kind};" for kind in kinds)
        servers = "\n".join(
            f"server {{ listen 127.0.0.1:{self.ports[name]}; root {self.tree}; autoindex on; {extra} }}"
            for name, extra in SERVERS.items())
        return f"""
            daemon off; user root; worker_processes 1;
            pid {self.directory}/nginx.pid; error_log {self.directory}/error.log;
            events {{ worker_connections 1024; }}
            http {{
                access_log off; sendfile on; keepalive_requests 100000; {temporary}
                {servers}
            }}
            """


def _free_ports(names):
    held = {}
    for name in names:
        held[name] = socket.socket()
        held[name].bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in held.items()}
    for one in held.values():
        one.close()
    return ports
