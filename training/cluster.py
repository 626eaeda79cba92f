"""Finds the Cloud TPU that --tpu_name, --tpu_zone, --gcp_project and --master speak of.

An address needs nobody. A bare name is looked up in the Cloud TPU API; project and zone that were
not given are asked from the metadata server of a Google Cloud machine. Every way in which that
fails is one UserError, after METADATA_SECONDS + API_SECONDS at the latest.

TensorFlow 1.15 asks the API by itself, 2.15 through cloud-tpu-client; both without a time limit,
through the outdated oauth2client, and with every fault in the same ValueError. So both are given
a `service` of ours, CloudTpuApi. They go on using it: where TPUEstimator takes the machine for one
of Google's, it asks every 30 seconds whether the TPU was taken away.
"""

import collections
import http.client
import json
import logging
import os
import re
import socket
import threading
import time
import types
import urllib.request
import warnings

import tensorflow.compat.v1 as tf

from errors import UserError
from training.log import warn

METADATA_SECONDS = 5  # project and zone together; the server is a neighbour or absent
API_SECONDS = 25  # description, credentials and answer together, retries counted
SOCKET_SECONDS = 8  # one connection or one read
# Retries sit here alone (CloudTpuApi.fetch): neither TensorFlow nor the callers have any.
RETRY_WAITS = (1, 3)

# Exactly one of resolver and master is not None: RunConfig(cluster=resolver, master=master).
Tpu = collections.namedtuple("Tpu", "resolver master description")

_LOCAL = "local"  # what TensorFlow calls the TPU of the machine it runs on
_EXAMPLE = "--tpu_name=grpc://ADDRESS:8470"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS = re.compile(r"(?:grpc://)?([^\s/:]+)(?::(\d+))?")
_WAIT = "wait until it is READY, then start again"
_RECREATE = "delete it, create it again and start again (training resumes from --output_dir)"
_WHAT_TO_DO = {
    "CREATING": _WAIT,
    "STARTING": _WAIT,
    "RESTARTING": _WAIT,
    "REIMAGING": _WAIT,
    "REPAIRING": _WAIT,
    "STOPPING": "wait until it is STOPPED, run `gcloud compute tpus start`, then start again",
    "STOPPED": "run `gcloud compute tpus start`, then start again",
    "PREEMPTED": "Google took it back; " + _RECREATE,
    "TERMINATED": _RECREATE,
    "DELETING": "create another TPU and start again",
}


def resolve_tpu(tpu_name, tpu_zone=None, gcp_project=None, master=None, service_url=None):
    """Finds the TPU and checks that it is ready. Warns if the API calls it unhealthy.

    Args:
      tpu_name: a name that the Cloud TPU API knows, grpc://address[:port] (several with commas),
        or `local` for the TPU of a TPU VM.
      tpu_zone: zone of a named TPU; None is the zone of this machine.
      gcp_project: project of a named TPU; None is the project of this machine.
      master: address of a session in place of tpu_name; handed on as it is.
      service_url: where the API's discovery document lies; the environment variable
        TPU_API_DISCOVERY_URL comes first, as in TensorFlow.

    Returns:
      Tpu(resolver, master, description): tf.distribute.cluster_resolver.TPUClusterResolver and
      None, or None and `master`; and one line for the log.

    Raises:
      UserError: no TPU is named, it cannot be found, may not be asked for, or is not READY.
    """
    if master and tpu_name:
        both = "--master={} and --tpu_name={}".format(master, tpu_name)
        raise UserError(both + " both say where the TPU is; give one of them")
    if master:
        return Tpu(None, master, "TPU at {} (--master)".format(master))
    if not tpu_name:
        raise UserError("--use_tpu=True needs --tpu_name=NAME, {} or --master".format(_EXAMPLE))
    if tpu_name == _LOCAL:
        return Tpu(_resolver(_LOCAL), None, "TPU of this machine (--tpu_name=local)")
    if tpu_name.startswith("grpc://"):
        address = _normal_address(tpu_name)
        return Tpu(_resolver(address), None, "TPU at {} (--tpu_name)".format(address))
    return _named_tpu(tpu_name, tpu_zone, gcp_project, service_url)


def _named_tpu(name, zone, project, service_url):
    if not _NAME.fullmatch(name):
        raise UserError(
            "--tpu_name={} is neither the name of a TPU (letters, digits, - and _) nor an "
            "address ({})".format(name, _EXAMPLE)
        )
    zone, project = _complete(name, zone, project)
    api = CloudTpuApi(name, zone, project, service_url)
    with warnings.catch_warnings():
        # google-auth speaks of quotas and old Pythons; no concern of the user.
        warnings.simplefilter("ignore")
        node = _within(API_SECONDS, api.fetch, api.unreachable("no answer in time"))
    addresses = _addresses_of_ready(node, api.where)
    _warn_of_health(node, api.where)
    description = "{}: READY, {}, grpc://{}{}".format(
        api.where,
        node.get("acceleratorType", "type unknown"),
        addresses[0],
        " and {} more".format(len(addresses) - 1) if len(addresses) > 1 else "",
    )
    return Tpu(_resolver(name, zone, project, api.fetch), None, description)


def _resolver(tpu, zone=None, project=None, fetch=lambda: {"state": "READY"}):
    # An address has a service, too, which knows nothing bad: on Google Cloud, TensorFlow 1.15
    # asks even for the state of an address, and would show a traceback.
    return tf.distribute.cluster_resolver.TPUClusterResolver(
        tpu=tpu, zone=zone, project=project, service=_NodeService(fetch)
    )


class _NodeService:
    """The part of a googleapiclient service that TensorFlow uses:
    service.projects().locations().nodes().get(name=...).execute()."""

    def __init__(self, fetch):
        self._fetch = fetch

    def projects(self):
        return self

    locations = nodes = projects

    def get(self, name):
        del name  # a resolver asks for its own TPU only
        return types.SimpleNamespace(execute=self._fetch)


def _normal_address(tpu_name):
    """grpc://host:port[,grpc://host:port...]: with every port, for the versions differ there."""
    found = [_ADDRESS.fullmatch(part) for part in tpu_name.split(",")]
    if not all(found):
        raise UserError("--tpu_name={} is no address; write {}".format(tpu_name, _EXAMPLE))
    return ",".join("grpc://{}:{}".format(m.group(1), m.group(2) or 8470) for m in found)


def _complete(name, zone, project):
    """(zone, project); what was not given is asked from the metadata server.

    Raises:
      UserError: there is no such server here, or a flag cannot be right.
    """
    given = (("--tpu_zone", zone), ("--gcp_project", project))
    for flag, value in given:
        if value and not re.fullmatch(r"[^\s/]+", value):
            raise UserError("{}={} must be one word without /".format(flag, value))
    missing = [flag for flag, value in given if not value]
    if not missing:
        return zone, project
    error = UserError(
        "cannot find out where TPU {} is, for no metadata server of Google Cloud answers here; "
        "give {}".format(name, " and ".join(missing))
    )

    def ask():
        try:
            return (
                zone or _ask_metadata("instance/zone").split("/")[-1],
                project or _ask_metadata("project/project-id"),
            )
        except (OSError, ValueError, http.client.HTTPException) as reason:
            raise error from reason

    return _within(METADATA_SECONDS, ask, error)


def _ask_metadata(path):
    # google-auth honours GCE_METADATA_HOST, too.
    host = os.environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
    request = urllib.request.Request(
        "http://{}/computeMetadata/v1/{}".format(host, path), headers={"Metadata-Flavor": "Google"}
    )
    # A proxy could only answer for another machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=METADATA_SECONDS) as response:
        if response.headers.get("Metadata-Flavor") != "Google":
            raise ValueError("not a metadata server")
        return response.read().decode("utf-8").strip()


def _within(seconds, work, too_late):
    """What `work()` returns or raises; `too_late` is raised after `seconds`.

    The time limits of sockets cover neither the name lookup nor an answer that trickles.
    """
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except Exception as error:
            outcome.append((None, error))

    # A daemon: if it is late it must not hold up the end of the program.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not outcome:
        raise too_late
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


def _addresses_of_ready(node, where):
    """["ip:port", ...] of the node, or a UserError that says why it cannot be used."""
    state = node.get("state", "STATE_UNSPECIFIED")
    if state != "READY":
        what_to_do = _WHAT_TO_DO.get(state, "start again when it is READY")
        raise UserError("{} is {}, not READY: {}".format(where, state, what_to_do))
    # Before networkEndpoints there was one address, at the top.
    endpoints = node.get("networkEndpoints", [node])
    if not endpoints or not all(e.get("ipAddress") and e.get("port") for e in endpoints):
        raise UserError(
            "{} is READY, but the Cloud TPU API gives no address for it; start again in a minute, "
            "or give {}".format(where, _EXAMPLE)
        )
    return ["{}:{}".format(e["ipAddress"], e["port"]) for e in endpoints]


def _warn_of_health(node, where):
    """TensorFlow and cloud-tpu-client start on a READY node of any health: a line, no refusal."""
    health = node.get("health", "HEALTH_UNSPECIFIED")
    if health not in ("HEALTHY", "HEALTH_UNSPECIFIED"):
        said = node.get("healthDescription")
        health += " ({})".format(_shortened(said)) if said else ""
        warn(
            "{} is READY, but its health is {}; should the run fail, recreate it".format(
                where, health
            )
        )


class CloudTpuApi:
    """Asks the Cloud TPU API for one node; every failure is one UserError."""

    def __init__(self, name, zone, project, service_url=None):
        """Args are those of resolve_tpu, all known.

        Raises:
          UserError: cloud-tpu-client and what it brings along is not installed.
        """
        self.where = "TPU {} (zone {}, project {})".format(name, zone, project)
        self._full_name = "projects/{}/locations/{}/nodes/{}".format(project, zone, name)
        self._library = _import_library()
        url = os.environ.get("TPU_API_DISCOVERY_URL") or service_url
        discovery = self._library.discovery
        # An address that was given must not end at Google's after all.
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
            "{}".format(self._urls[0], self.where, _shortened(reason), _EXAMPLE)
        )

    def _ask(self):
        # A connection of its own each time: httplib2 serves one thread, and old ones time out.
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
        """UserError that says what `error` means for the user."""
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
                "file".format(self.where, _shortened(error.args[0] if error.args else error))
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
    """What is used of cloud-tpu-client's dependencies; cloud_tpu_client itself is TensorFlow's."""
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
            "install cloud-tpu-client==0.10`, or give {}".format(error, _EXAMPLE)
        ) from error
    # They warn on standard error of what is then said in one line; TensorFlow does the same.
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
    """Whether the same question may be answered in a moment: an overload or a lost connection."""
    status = getattr(getattr(error, "resp", None), "status", 0)
    lost = isinstance(error, (socket.timeout, ConnectionResetError, http.client.BadStatusLine))
    return lost or status == 429 or status >= 500


def _api_message(error):
    """The text within an HttpError: Google's errors are JSON, a proxy's are web pages."""
    try:
        return _shortened(json.loads(error.content.decode("utf-8"))["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return _shortened(error.resp.reason)


def _shortened(text):
    """The first sentence or 200 characters, in one line and without a stop."""
    return " ".join(str(text).split()).split(". ")[0][:200].rstrip(".")
