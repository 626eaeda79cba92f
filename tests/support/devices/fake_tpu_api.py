"""A Cloud TPU API v1 on this machine, with nodes of any state, for tests.

    with FakeTpuApi({"my-tpu": node("READY")}) as api:
        os.environ["TPU_API_DISCOVERY_URL"] = api.url

It also plays the metadata server of a Google Cloud machine (GCE_METADATA_HOST=api.host), and the
token server for a key file whose token_uri is api.token_url.
"""

import http.server
import json
import socket
import threading
import time

PROJECT, ZONE = "my-project", "us-central1-b"
TOKEN = "token-of-the-fake"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def node(state, addresses=(("10.240.1.2", 8470),), health="HEALTHY", **fields):
    """A node as the API describes it; `addresses` are (ip, port) pairs, None leaves a field out."""
    described = {
        "state": state,
        "health": health,
        "acceleratorType": "v3-8",
        "networkEndpoints": [{"ipAddress": ip, "port": port} for ip, port in addresses],
    }
    described.update(fields)
    return {key: value for key, value in described.items() if value is not None}


def _discovery_document(root, with_scopes):
    name = {
        "type": "string",
        "location": "path",
        "required": True,
        "pattern": "^projects/[^/]+/locations/[^/]+/nodes/[^/]+$",
    }
    get = {
        "id": "tpu.projects.locations.nodes.get",
        "path": "v1/{+name}",
        "httpMethod": "GET",
        "parameters": {"name": name},
        "parameterOrder": ["name"],
        "response": {"$ref": "Node"},  # without it the client hands out bytes
    }
    nodes = {"nodes": {"methods": {"get": get}}}
    document = {
        "kind": "discovery#restDescription",
        "id": "tpu:v1",
        "name": "tpu",
        "version": "v1",
        "rootUrl": root,
        "servicePath": "",
        "schemas": {"Node": {"id": "Node", "type": "object"}},
        "resources": {"projects": {"resources": {"locations": {"resources": nodes}}}},
    }
    if with_scopes:
        document["auth"] = {"oauth2": {"scopes": {_SCOPE: {"description": "all"}}}}
    return document


class FakeTpuApi:
    """Serves on a free port of 127.0.0.1 while it is entered."""

    def __init__(self, nodes=None, with_scopes=False, failures=(), delay=0):
        """Args:
        nodes: {name: node(...)} of PROJECT and ZONE.
        with_scopes: ask for credentials, as Google's does; without, nobody needs any.
        failures: HTTP status codes that the first requests for a node get; None for an answer.
        delay: seconds before every answer about a node.
        """
        self.nodes = {
            "projects/{}/locations/{}/nodes/{}".format(PROJECT, ZONE, name): described
            for name, described in (nodes or {}).items()
        }
        self.with_scopes, self.delay = with_scopes, delay
        self.failures = list(failures)
        self.paths = []  # of all requests, in order
        self._server = None

    def __enter__(self):
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.host = "127.0.0.1:{}".format(self._server.server_address[1])
        self.url = "http://{}/discovery/{{api}}/{{apiVersion}}".format(self.host)
        self.token_url = "http://{}/token".format(self.host)
        return self

    def __exit__(self, *unused):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path, headers):
        """(status, what is sent) for a GET request."""
        metadata = {
            "/computeMetadata/v1/project/project-id": PROJECT,
            "/computeMetadata/v1/instance/zone": "projects/123/zones/" + ZONE,
        }
        if path in metadata:
            return 200, metadata[path]
        if path == "/discovery/tpu/v1":
            return 200, _discovery_document("http://{}/".format(self.host), self.with_scopes)
        if not path.startswith("/v1/projects/"):
            return _error(404, "no such page")
        time.sleep(self.delay)
        if self.with_scopes and headers.get("Authorization") != "Bearer " + TOKEN:
            return _error(401, "Request had invalid authentication credentials.")
        status = self.failures.pop(0) if self.failures else None
        if status:
            return _error(status, "The fake was told to say {}.\nAnd more.".format(status))
        node = self.nodes.get(path.split("?")[0][len("/v1/") :])
        return _error(404, "Resource not found") if node is None else (200, node)


def _error(status, message):
    return status, {"error": {"code": status, "message": message}}


class _Handler(http.server.BaseHTTPRequestHandler):
    api = None

    def do_GET(self):
        self.api.paths.append(self.path)
        self._send(*self.api.answer(self.path, self.headers))

    def do_POST(self):
        self.api.paths.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(200, {"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    def _send(self, status, what):
        is_text = isinstance(what, str)
        content = (what if is_text else json.dumps(what)).encode("utf-8")
        try:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Metadata-Flavor", "Google")
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            pass  # the client did not wait, as it should

    def log_message(self, *unused):
        """Nothing on standard error."""


def take_offline(monkeypatch, folder):
    """Lets no name but this machine's be looked up, and hides the user's credentials.

    Args:
      monkeypatch: the fixture.
      folder: path in place of the user's folder of settings.

    Returns:
      List of the names that are asked for.
    """
    asked, getaddrinfo = [], socket.getaddrinfo

    def guarded(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost"):
            asked.append(host)
            raise socket.gaierror(-2, "Name or service not known")
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)
    for name in (
        "TPU_API_DISCOVERY_URL",
        "GCE_METADATA_HOST",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "TPU_NAME",
        "KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    return asked
