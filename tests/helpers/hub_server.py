"""A server on the loopback that speaks as much of the Hugging Face hub's language as bundles need, up and down."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_test"


class Hub:
    """Repositories in memory: OWNER/NAME -> branches and commits, each commit its files.

    Attributes:
        repos: by name, {"private": bool, "branches": {name: commit}, "commits": {commit: {file: bytes}}}.
        asked: method and path of every request.
        sizes: what files claim to have, by name, where that is a lie.
        status: what every answer is, for a hub that is broken; None without.
        full: whether large files are refused.
    """

    def __init__(self):
        self.repos, self.asked, self.objects, self.sizes, self.status = {}, [], {}, {}, None
        self.full = False

    def commit(self, repo, files, branch="main", private=False):
        """Add a commit to a branch; return its name."""
        held = self.repos.setdefault(repo, {"private": private, "branches": {}, "commits": {}})
        before = held["commits"].get(held["branches"].get(branch), {})
        whole = before | files
        parts = [repo, branch, str(len(held["commits"])), *(f"{name}{len(whole[name])}" for name in sorted(whole))]
        name = hashlib.sha1(" ".join(parts).encode()).hexdigest()
        held["commits"][name], held["branches"][branch] = whole, name
        return name


class Handler(BaseHTTPRequestHandler):
    """Answers for `self.server.hub`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def answer(self, status, body=b"", **headers):
        """Send an answer; a dictionary as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code):
        """Send an error as the hub does."""
        self.answer(status, {"error": code}, X_Error_Code=code)

    def body(self):
        """Return what was sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        """Find what is asked for."""
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        hub.asked.append(f"{self.command} {path}")
        content = self.body()
        if hub.status:
            return self.answer(hub.status, {"error": "broken"})
        is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        for pattern, what in ROUTES.items():
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                repo = hub.repos.get(found.groupdict().get("repo"))
                if "repo" in found.groupdict() and (repo is None or (repo["private"] and not is_known)):
                    return self.refuse(401 if not is_known else 404, "RepoNotFound")
                if self.command == "POST" and not is_known:
                    return self.answer(401, {"error": "log in"})
                return what(self, repo, content, **found.groupdict())
        return self.answer(404, {"error": path})

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815  # the server's names

    def info(self, held, content, repo, revision="main"):
        """A model's commit and files."""
        commit = held["branches"].get(revision, revision)
        if commit not in held["commits"] and held["commits"]:
            return self.refuse(404, "RevisionNotFound")
        files = held["commits"].get(commit, {})
        sizes = {name: self.server.hub.sizes.get(name, len(files[name])) for name in files}
        siblings = [{"rfilename": name, "size": size, "blobId": "0" * 40} for name, size in sizes.items()]
        return self.answer(200, {"id": repo, "sha": commit, "private": held["private"], "siblings": siblings})

    def file(self, held, content, repo, revision, name):
        """A file, or what is known of it."""
        commit = held["branches"].get(revision, revision)
        content = held["commits"].get(commit, {}).get(name)
        if content is None:
            return self.refuse(404, "EntryNotFound")
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return self.answer(200, content, ETag=etag, X_Repo_Commit=commit)

    def create(self, held, content):
        """Make a repository."""
        given = json.loads(content)
        repo = "/".join(filter(None, [given.get("organization"), given["name"]]))
        if repo in self.server.hub.repos:
            return self.answer(409, {"error": "there", "url": f"{self.server.url}/{repo}"}, X_Error_Code="RepoExists")
        private = given.get("visibility") == "private" or bool(given.get("private"))  # the package's earlier word
        self.server.hub.repos[repo] = {"private": private, "branches": {}, "commits": {}}
        self.server.hub.commit(repo, {".gitattributes": b""})
        return self.answer(200, {"url": f"{self.server.url}/{repo}", "name": repo})

    def branch(self, held, content, repo, revision):
        """Make a branch of main."""
        if revision in held["branches"]:
            return self.answer(409, {"error": "there"})
        held["branches"][revision] = held["branches"]["main"]
        return self.answer(200, {})

    def preupload(self, held, content, repo, revision):
        """Say that weights are large files."""
        names = [each["path"] for each in json.loads(content)["files"]]
        modes = {name: "lfs" if name.endswith(".safetensors") else "regular" for name in names}
        files = [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]
        return self.answer(200, {"files": files})

    def batch(self, held, content, repo):
        """Say where large files go."""
        objects = json.loads(content)["objects"]
        to = {each["oid"]: {"upload": {"href": f"{self.server.url}/lfs/{each['oid']}"}} for each in objects}
        return self.answer(200, {"objects": [each | {"actions": to[each["oid"]]} for each in objects]})

    def upload(self, held, content, oid):
        """Take a large file."""
        assert hashlib.sha256(content).hexdigest() == oid
        if self.server.hub.full:
            return self.answer(413, {"error": "full"})
        self.server.hub.objects[oid] = content
        return self.answer(200)

    def take(self, held, content, repo, revision):
        """Make a commit."""
        files = {}
        for line in map(json.loads, content.decode().splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.hub.objects[value["oid"]]
        commit = self.server.hub.commit(repo, files, revision)
        return self.answer(200, {"commitUrl": f"{self.server.url}/{repo}/commit/{commit}", "commitOid": commit})


REPO = r"(?P<repo>[^/]+/[^/]+)"
ROUTES = {
    rf"GET /api/models/{REPO}": Handler.info,
    rf"GET /api/models/{REPO}/revision/(?P<revision>.+)": Handler.info,
    rf"(HEAD|GET) /{REPO}/resolve/(?P<revision>[^/]+)/(?P<name>.+)": Handler.file,
    r"POST /api/repos/create": Handler.create,
    rf"POST /api/models/{REPO}/branch/(?P<revision>.+)": Handler.branch,
    r"POST /api/validate-yaml": lambda handler, *_: handler.answer(200, {"errors": [], "warnings": []}),
    rf"POST /api/models/{REPO}/preupload/(?P<revision>.+)": Handler.preupload,
    rf"POST /{REPO}\.git/info/lfs/objects/batch": Handler.batch,
    r"PUT /lfs/(?P<oid>\w+)": Handler.upload,
    rf"POST /api/models/{REPO}/commit/(?P<revision>.+)": Handler.take,
}


@contextmanager
def serving():
    """Give a Hub, and the address where it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub, server.url, server.daemon_threads = Hub(), f"http://127.0.0.1:{server.server_port}", True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.hub, server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
