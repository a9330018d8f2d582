"""A Hugging Face Hub to test with: as much of its API over HTTP as reading asks for, every request seen, any answer spoilt."""

import contextlib
import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

PAGE_ENTRIES = 3  # of a listing; the Hub's own pages have a thousand
LFS_BYTES = 200  # from which on a file is kept apart from git, with its SHA-256
TOKEN, STRANGER = "hf_right", "hf_stranger"  # both known; the first may read all
_API = re.compile(r"/api/(?P<kind>datasets|models)/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>[^/]+))?(?:/(?P<rest>.*))?")
_RESOLVE = re.compile(r"/(?:(?P<kind>datasets)/)?(?P<repo>[^/]+/[^/]+)/resolve/(?P<rest>.*)")


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: dict = {}  # noqa: RUF012 - never changed


class Request(NamedTuple):
    method: str
    path: str
    headers: dict


class Repository:
    """Commits of files; `access` is "open", "private" (as if absent to others) or "gated" (listed to all, read by few)."""

    def __init__(self, access="open"):
        self.access, self.commits, self.names = access, {}, {}

    def commit(self, files, branch="main"):
        """Put files on a branch in place of what it had; returns the commit."""
        content = {name: body if isinstance(body, bytes) else body.encode() for name, body in files.items()}
        commit = hashlib.sha1(repr((branch, sorted(content.items()))).encode()).hexdigest()
        self.commits[commit], self.names[branch] = content, commit
        return commit


class Hub(ThreadingHTTPServer):
    """The stand-in.

    Attributes:
        repositories: by "datasets/OWNER/NAME" or "models/OWNER/NAME".
        seen: every request, in the order in which they came.
        spoil: called with a request; an Answer is given instead of the right one, "cut" breaks the right one off half-way.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.repositories, self.seen, self.spoil = {}, [], lambda request: None

    def repository(self, name, access="open"):
        return self.repositories.setdefault(name, Repository(access))

    @property
    def downloads(self):
        """The requests that took content."""
        return [request for request in self.seen if "/blob-store/" in request.path or "/resolve/" in request.path]

    def answer(self, request):
        url = urlsplit(request.path)
        if url.path.startswith("/blob-store/"):
            return self._stored(url.path.rpartition("/")[2], request)
        match = _API.fullmatch(url.path) or _RESOLVE.fullmatch(url.path)
        if match is None:
            return Answer(404)
        what = match.groupdict().get("what", "resolve")
        repository = self.repositories.get(f"{match['kind'] or 'models'}/{match['repo']}")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in ("", TOKEN, STRANGER):
            return _refusal(401, None, "Invalid credentials in Authorization header")
        if repository is None or (repository.access == "private" and token != TOKEN):
            return _refusal(404 if token else 401, "RepoNotFound", "Repository not found")
        if repository.access == "gated" and token != TOKEN and what in ("auth-check", "resolve"):
            return _refusal(403 if token else 401, "GatedRepo", f"Access to {match['repo']} is restricted")
        if what == "auth-check":
            return Answer(200, b"{}")
        revision, _, path = (match["rest"] or "main").partition("/")
        revision, path = unquote(revision), unquote(path)
        commit = repository.names.get(revision, revision)
        if commit not in repository.commits:
            return _refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        files = repository.commits[commit]
        if what == "tree":
            return self._tree(files, path, url)
        if what == "resolve":
            return self._content(files, path, request)
        gated = "auto" if repository.access == "gated" else False
        private = repository.access == "private"
        return _json({"id": match["repo"], "sha": commit, "private": private, "gated": gated, "siblings": []})

    def _tree(self, files, folder, url):
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        prefix = f"{folder}/" if folder else ""
        entries = {}
        for name, body in sorted(files.items()):
            if name.startswith(prefix):
                parts = name.removeprefix(prefix).split("/")
                for depth in range(1, len(parts)):
                    entries.setdefault(prefix + "/".join(parts[:depth]), None)
                entries[name] = body
        if folder and not entries:
            return _refusal(404, "EntryNotFound", f"{folder} does not exist")
        if query.get("recursive", "false").lower() != "true":
            entries = {name: body for name, body in entries.items() if "/" not in name.removeprefix(prefix)}
        first = int(query.get("cursor", 0))
        page = list(entries.items())[first : first + PAGE_ENTRIES]
        answer = _json([_entry(name, body) for name, body in page])
        if first + PAGE_ENTRIES < len(entries):
            following = f"{self.url}{url.path}?recursive={query.get('recursive', 'false')}&cursor={first + PAGE_ENTRIES}"
            answer.headers["Link"] = f'<{following}>; rel="next"'
        return answer

    def _content(self, files, name, request):
        if name not in files:
            return _refusal(404, "EntryNotFound", "Entry not found")
        if len(files[name]) < LFS_BYTES:
            return _ranged(files[name], request)
        return Answer(302, headers={"Location": f"{self.url}/blob-store/{hashlib.sha256(files[name]).hexdigest()}"})

    def _stored(self, sha256, request):
        bodies = (body for each in self.repositories.values() for files in each.commits.values() for body in files.values())
        return next(_ranged(body, request) for body in bodies if hashlib.sha256(body).hexdigest() == sha256)


def _entry(name, body):
    if body is None:
        return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
    entry = {"type": "file", "path": name, "oid": hashlib.sha1(body).hexdigest(), "size": len(body)}
    if len(body) >= LFS_BYTES:
        entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
    return entry


def _ranged(body, request):
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if wanted is None:
        return Answer(200, body)
    first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
    return Answer(206, body[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body)}"})


def _json(values):
    return Answer(200, json.dumps(values).encode(), {"Content-Type": "application/json"})


def _refusal(status, code, message):
    body = json.dumps({"error": message}).encode()
    headers = {"Content-Type": "application/json", "X-Error-Message": message}
    return Answer(status, body, headers | ({"X-Error-Code": code} if code else {}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet: in two, the second would wait for the first one's receipt

    def _handle(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.seen.append(request)
        spoilt = self.server.spoil(request)
        answer = self.server.answer(request) if spoilt in (None, "cut") else spoilt
        with contextlib.suppress(ConnectionError):
            if spoilt == "cut" and not answer.body:
                self._hang_up()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if spoilt == "cut":
                self.wfile.write(answer.body[: len(answer.body) // 2])
                self._hang_up()
            elif self.command != "HEAD":
                self.wfile.write(answer.body)

    def _hang_up(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_HEAD = do_POST = _handle

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def running():
    """The stand-in, on a free port."""
    hub = Hub()
    threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
