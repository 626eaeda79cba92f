"""The client of the Cloud TPU API: one request, with time limits and one sentence for a failure."""

import http.client
import json
import logging
import os
import socket
import time
import types

from common.errors import UserError

SOCKET_SECONDS = 8  # one connection or one read
# The only retries (in CloudTpuApi.fetch): neither TensorFlow nor the callers have any.
RETRY_WAITS = (1, 3)

EXAMPLE = "--tpu_name=grpc://ADDRESS:8470"


class CloudTpuApi:
    """Asks the Cloud TPU API for one node; every failure is one UserError."""

    def __init__(self, name, zone, project, service_url=None):
        """Makes the client; the arguments are those of resolve_tpu, none missing.

        Raises:
          UserError: cloud-tpu-client or one of its dependencies is not installed.
        """
        self.where = "TPU {} (zone {}, project {})".format(name, zone, project)
        self._full_name = "projects/{}/locations/{}/nodes/{}".format(project, zone, name)
        self._library = _import_library()
        url = os.environ.get("TPU_API_DISCOVERY_URL") or service_url
        discovery = self._library.discovery
        # Where an address is given, Google's must not be asked instead.
        urls = [url] if url else [discovery.DISCOVERY_URI, discovery.V2_DISCOVERY_URI]
        values = {"api": "tpu", "apiVersion": "v1"}
        self._urls = [self._library.uritemplate.expand(each, values) for each in urls]
        self._document = self._credentials = None

    def fetch(self):
        """The node as a dict.

        Raises:
          UserError: the API cannot be reached or refuses.
        """
        for wait in RETRY_WAITS + (None,):
            try:
                return self._ask()
            # Whatever the libraries raise: certificates, credentials, proxies, a web page.
            except Exception as error:
                if wait is None or not _is_transient(error):
                    raise self._explained(error) from error
                time.sleep(wait)

    def unreachable(self, reason):
        """The UserError for an API that does not answer."""
        return UserError(
            "cannot reach the Cloud TPU API at {} to ask for {}: {}; check the network, or give "
            "{}".format(self._urls[0], self.where, shortened(reason), EXAMPLE)
        )

    def _ask(self):
        # A new connection each time: httplib2 serves one thread, and idle ones time out.
        library, http = self._library, self._library.httplib2.Http(timeout=SOCKET_SECONDS)
        if self._document is None:
            self._document = self._discover(http)
        scopes = self._document.get("auth", {}).get("oauth2", {}).get("scopes")
        if scopes:
            if self._credentials is None:
                self._credentials, _ = library.auth.default(scopes=sorted(scopes))
            http = library.AuthorizedHttp(self._credentials, http=http)
        service = library.discovery.build_from_document(self._document, http=http)
        node = service.projects().locations().nodes().get(name=self._full_name).execute()
        if not isinstance(node, dict):
            raise ValueError("a node must be a JSON object")
        return node

    def _discover(self, http):
        for url in self._urls:
            response, content = http.request(url)
            if response.status == 200:
                return json.loads(content.decode("utf-8"))
        raise self._library.HttpError(response, content, uri=url)

    def _explained(self, error):
        """The UserError for an error of the libraries."""
        library = self._library
        if isinstance(error, library.HttpError) and self._document is not None:
            return self._refused(error.resp.status, _api_message(error))
        if isinstance(error, library.HttpError):
            return self.unreachable("HTTP {} for its description".format(error.resp.status))
        network = (OSError, library.httplib2.HttpLib2Error, http.client.HTTPException)
        if isinstance(error, network + (library.auth.exceptions.TransportError,)):
            return self.unreachable(getattr(error, "strerror", None) or str(error) or repr(error))
        if isinstance(error, library.auth.exceptions.GoogleAuthError):
            return UserError(
                "no valid Google credentials to ask for {}: {}; run `gcloud auth "
                "application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key "
                "file".format(self.where, shortened(error.args[0] if error.args else error))
            )
        return self.unreachable("the answer is not that of the API ({!r})".format(error))

    def _refused(self, status, message):
        if status == 404:
            return UserError(
                "there is no {}; check --tpu_name, --tpu_zone and --gcp_project".format(self.where)
            )
        if status in (401, 403):
            return UserError(
                "permission denied to ask for {} (HTTP {}: {}); give this account the role TPU "
                "Viewer there and enable the API tpu.googleapis.com".format(
                    self.where, status, message
                )
            )
        return UserError(
            "the Cloud TPU API does not tell of {} (HTTP {}: {}); {}".format(
                self.where,
                status,
                message,
                "try again later" if status >= 500 or status == 429 else "check the flags",
            )
        )


def _import_library():
    """Names from cloud-tpu-client's dependencies; only TensorFlow imports cloud_tpu_client."""
    try:
        import google.auth
        import google.auth.exceptions
        import httplib2
        import uritemplate
        from google_auth_httplib2 import AuthorizedHttp
        from googleapiclient import discovery
        from googleapiclient.errors import HttpError
    except ImportError as error:
        raise UserError(
            "cloud-tpu-client, which looks TPUs up by name, is not installed ({}); run `pip "
            "install cloud-tpu-client==0.10`, or give {}".format(error, EXAMPLE)
        ) from error
    # They warn on standard error of what becomes one UserError; TensorFlow does the same.
    for name in ("google.auth", "google_auth_httplib2", "googleapiclient"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return types.SimpleNamespace(
        AuthorizedHttp=AuthorizedHttp,
        HttpError=HttpError,
        auth=google.auth,
        discovery=discovery,
        httplib2=httplib2,
        uritemplate=uritemplate,
    )


def _is_transient(error):
    """Whether a retry may succeed: an overload or a lost connection."""
    status = getattr(getattr(error, "resp", None), "status", 0)
    lost = isinstance(error, (socket.timeout, ConnectionResetError, http.client.BadStatusLine))
    return lost or status == 429 or status >= 500


def _api_message(error):
    """The text within an HttpError: Google's errors are JSON, a proxy's are web pages."""
    try:
        return shortened(json.loads(error.content.decode("utf-8"))["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return shortened(error.resp.reason)


def shortened(text):
    """The first sentence or 200 characters, in one line and without a stop."""
    return " ".join(str(text).split()).split(". ")[0][:200].rstrip(".")
