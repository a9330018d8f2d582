"""A bucket to test with: a storage emulator, and before it a proxy that sees every request and may spoil it."""

import contextlib
import http.client
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from electra_pretrain.core.holder import LOCK_NAME
from tests.support.ports import free_ports

BUCKET = "records"


class Answer(NamedTuple):
    status: int
    headers: list
    body: bytes


class Request:
    """A request on its way; `spoil` may change its body."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body

    @property
    def starts_upload_of(self):
        """Name, without folder, of the object whose upload this request begins; None for any other request."""
        if self.method != "POST" or "/upload/" not in self.path:
            return None
        return self.uploaded_name.rsplit("/", 1)[-1]

    @property
    def uploaded_name(self):
        return re.search(rb'"name": ?"([^"]+)"', self.body)[1].decode()

    @property
    def is_of_lock(self):
        in_upload = "/upload/" in self.path and f'{LOCK_NAME}"'.encode() in self.body[:1000]
        return LOCK_NAME in self.path or in_upload

    @property
    def is_chunk(self):
        return self.method == "PUT"


class Proxy(ThreadingHTTPServer):
    """Passes requests on to the emulator, unless told otherwise.

    Args:
        emulator_port: where the emulator listens.

    Attributes:
        seen: every request that concerns objects, locks aside, in the order in which they came.
        spoil: called with a request; an Answer is given instead of the emulator's, "hang up" breaks the connection.
        touch: called with a request and the emulator's answer; returns the answer to give.
    """

    daemon_threads = True

    def __init__(self, emulator_port):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator_port = emulator_port
        self.reset()

    def reset(self):
        self.seen, self.spoil, self.touch = [], lambda request: None, lambda request, answer: answer

    @property
    def uploaded(self):
        return [request.starts_upload_of for request in self.seen if request.starts_upload_of]

    def pass_on(self, request):
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator_port, timeout=30)
        with contextlib.closing(connection):
            connection.request(request.method, request.path, request.body, request.headers)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())

    def check_precondition(self, request):
        """Refuse, as the service does and the emulator does not, what is asked for on a condition that does not hold."""
        url = urlsplit(request.path)
        wanted = parse_qs(url.query).get("ifGenerationMatch")
        if wanted is None:
            return None
        name = unquote(url.path.rpartition("/o/")[2]) if request.method == "DELETE" else request.uploaded_name
        found = self.objects().get(name, {"generation": "0"})["generation"]
        if found == wanted[0]:
            return None
        body = json.dumps({"error": {"code": 412, "message": f"generation is {found}"}}).encode()
        return Answer(412, [("Content-Type", "application/json")], body)

    def objects(self):
        """What lies in the bucket, by name: the service's own description."""
        answer = self.pass_on(Request("GET", f"/storage/v1/b/{BUCKET}/o", {}, b""))
        return {item["name"]: item for item in json.loads(answer.body)["items"]}

    def content(self, name):
        return self.pass_on(Request("GET", f"/{BUCKET}/{name}", {}, b"")).body

    def put(self, name, content):
        path = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name)}"
        assert self.pass_on(Request("POST", path, {}, content)).status == 200

    def delete(self, name):
        path = f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}"
        assert self.pass_on(Request("DELETE", path, {}, b"")).status == 200


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        answer = None
        # For its telemetry the library asks after the bucket itself, in a thread of its own, at any time.
        if not re.fullmatch(r"/storage/v1/b/[^/]*", self.path):
            if not request.is_of_lock:
                self.server.seen.append(request)
            answer = self.server.spoil(request) or self.server.check_precondition(request)
        if answer == "hang up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if answer is None:
            answer = self.server.touch(request, self.server.pass_on(request))
        with contextlib.suppress(ConnectionError):  # the command was killed meanwhile
            self.send_response(answer.status)
            for name, value in answer.headers:
                if name.lower() not in ("content-length", "connection", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def running():
    """The proxy before an emulator with one bucket, both on free ports, all in memory."""
    from gcp_storage_emulator.server import create_server

    (port,) = free_ports(1)
    emulator = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    emulator.start()
    proxy = Proxy(port)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        emulator.stop()
