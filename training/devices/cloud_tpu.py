"""Finds the Cloud TPU of --tpu_name, --tpu_zone, --gcp_project and --master.

An address is used as it is. A name is looked up in the Cloud TPU API; a project or zone that was
not given is asked from the metadata server of the Google Cloud machine. Every failure of that is
one UserError, after METADATA_SECONDS + API_SECONDS at the latest.

TensorFlow 1.15 asks the API itself, 2.15 through cloud-tpu-client; both without a time limit,
through the outdated oauth2client, and with the same ValueError for every failure. So both are
given a `service` of this project, CloudTpuApi. They keep using it: where TPUEstimator detects a
Google Cloud machine, it asks every 30 seconds whether the TPU was preempted.
"""

import http.client
import os
import re
import socket
import threading
import types
import urllib.request
import warnings
from typing import Any, NamedTuple, Optional

from common.errors import UserError
from common.lazy_tensorflow import tf
from common.log import warn
from training.devices.cloud_tpu_api import EXAMPLE, SOCKET_SECONDS, CloudTpuApi, shortened

METADATA_SECONDS = 5  # project and zone together; the server is next to the machine or absent
API_SECONDS = 25  # description, credentials and answer together, retries counted


class Tpu(NamedTuple):
    """A TPU that was found; exactly one of resolver and master is not None.

    Attributes:
      resolver: tf.distribute.cluster_resolver.TPUClusterResolver, for RunConfig(cluster=...).
      master: address of a session, for RunConfig(master=...).
      description: one line for the log.
    """

    resolver: Any
    master: Optional[str]
    description: str


_LOCAL = "local"  # TensorFlow's name for the TPU of the machine it runs on
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESS = re.compile(r"(?:grpc://)?([^\s/:]+)(?::(\d+))?")
# TensorFlow's messages for a machine without a TPU, and for an address without grpc://.
_NO_CORES = "Cannot find any TPU cores"
_DEVICE_TYPE = re.compile(r"_DeviceAttributes\([^,]+, (\w+),")
_NO_SESSION = re.compile(r'No session factory registered .*?target: "([^"]*)"', re.DOTALL)
# What gRPC makes of a server that has gone, or is another one: names of TensorFlow's errors. No
# error of a network is among them.
_LOST = (
    "UnavailableError",
    "CancelledError",
    "AbortedError",
    "DeadlineExceededError",
    "UnimplementedError",
    "UnauthenticatedError",
    "PermissionDeniedError",
)
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
    """Finds the TPU and checks that it is ready. Warns if the API reports it as unhealthy.

      tpu = resolve_tpu("my-tpu", tpu_zone="us-central1-b", gcp_project="my-project")
      check_reachable(tpu)
      devices = Devices(tpu.resolver, tpu.master)

    Args:
      tpu_name: a name in the Cloud TPU API, grpc://address[:port] (several separated by commas), or
        `local` for the TPU of a TPU VM.
      tpu_zone: zone of a named TPU; None is the zone of this machine.
      gcp_project: project of a named TPU; None is the project of this machine.
      master: address of a session, instead of tpu_name; passed on unchanged.
      service_url: URL of the API's discovery document; the environment variable
        TPU_API_DISCOVERY_URL overrides it, as in TensorFlow.

    Returns:
      Tpu.

    Raises:
      UserError: no TPU is named, or it cannot be found, access is denied, or it is not READY.
    """
    if master and tpu_name:
        both = "--master={} and --tpu_name={}".format(master, tpu_name)
        raise UserError(both + " both say where the TPU is; give one of them")
    if master:
        return Tpu(None, master, "TPU at {} (--master)".format(master))
    if not tpu_name:
        raise UserError("--use_tpu=True needs --tpu_name=NAME, {} or --master".format(EXAMPLE))
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
            "address ({})".format(name, EXAMPLE)
        )
    zone, project = _complete(name, zone, project)
    api = CloudTpuApi(name, zone, project, service_url)
    with warnings.catch_warnings():
        # google-auth warns of quotas and old Pythons, which does not concern the user.
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
    # An address gets a service, too, which always answers READY: on Google Cloud, TensorFlow 1.15
    # asks even for the state of an address, and would print a traceback.
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
    """grpc://host:port[,grpc://host:port...]: the port always given, as defaults differ."""
    addresses = [_ADDRESS.fullmatch(address) for address in tpu_name.split(",")]
    if not all(addresses):
        raise UserError("--tpu_name={} is no address; write {}".format(tpu_name, EXAMPLE))
    return ",".join("grpc://{}:{}".format(m.group(1), m.group(2) or 8470) for m in addresses)


def _complete(name, zone, project):
    """(zone, project); the missing ones are asked from the metadata server.

    Raises:
      UserError: there is no such server here, or the value of a flag is invalid.
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
    # A proxy would answer for another machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=METADATA_SECONDS) as response:
        if response.headers.get("Metadata-Flavor") != "Google":
            raise ValueError("not a metadata server")
        return response.read().decode("utf-8").strip()


def _within(seconds, work, too_late):
    """Calls `work` with a time limit: returns or raises what it does, or raises `too_late` after
    `seconds`.

    The time limits of sockets cover neither name lookups nor slow answers.
    """
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except Exception as error:
            outcome.append((None, error))

    # A daemon: a late thread must not delay the end of the program.
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
    # Older answers have no networkEndpoints, but one address at the top level.
    endpoints = node.get("networkEndpoints", [node])
    if not endpoints or not all(e.get("ipAddress") and e.get("port") for e in endpoints):
        raise UserError(
            "{} is READY, but the Cloud TPU API gives no address for it; start again in a minute, "
            "or give {}".format(where, EXAMPLE)
        )
    return ["{}:{}".format(e["ipAddress"], e["port"]) for e in endpoints]


def _warn_of_health(node, where):
    """Warns only: TensorFlow and cloud-tpu-client start on a READY node of any health."""
    health = node.get("health", "HEALTH_UNSPECIFIED")
    if health not in ("HEALTHY", "HEALTH_UNSPECIFIED"):
        description = node.get("healthDescription")
        health += " ({})".format(shortened(description)) if description else ""
        warn(
            "{} is READY, but its health is {}; should the run fail, recreate it".format(
                where, health
            )
        )


def check_reachable(tpu):
    """Checks that a TensorFlow server listens at the TPU's address.

    TensorFlow would wait for an answer for hours, without a message.

    Args:
      tpu: Tpu.

    Raises:
      UserError: none does; names the address.
    """
    masters = [tpu.master] if tpu.master else _addresses_of_workers(tpu.resolver)
    for master in masters:
        address = _ADDRESS.fullmatch(master)
        if address and address.group(2):
            _connect(address.group(1), int(address.group(2)))


def lost(error):
    """The UserError for a TPU that was lost after it was found; `error` is TensorFlow's."""
    return UserError("the TPU can no longer be used: {}".format(shortened(error)))


def session_fault(error):
    """The UserError for an exception of a session with a TPU; None where that is not to blame.

    Args:
      error: tf.errors.OpError or RuntimeError.
    """
    message = getattr(error, "message", None) or str(error)
    if _NO_CORES in message:
        return UserError(
            "TensorFlow finds no TPU there, but {}; check --tpu_name or --master, or remove "
            "--use_tpu".format(", ".join(sorted(set(_DEVICE_TYPE.findall(message)))) or "nothing")
        )
    no_scheme = _NO_SESSION.search(message)
    if no_scheme:
        return UserError(
            "--master={} is no address of a session; write grpc://ADDRESS:8470".format(
                no_scheme.group(1)
            )
        )
    if isinstance(error, tuple(getattr(tf.errors, name) for name in _LOST)):
        return UserError(
            "the session with the TPU has ended: {} ({}); start again to resume from the last "
            "checkpoint, or check the address".format(shortened(message), type(error).__name__)
        )
    return None


def _addresses_of_workers(resolver):
    try:
        spec = resolver.cluster_spec()
    except (ValueError, RuntimeError) as error:
        raise lost(error) from error
    # For the machine's own TPU, TensorFlow 1.15 has no spec, 2.15 an empty one.
    return [address for job in (spec.jobs if spec else ()) for address in spec.job_tasks(job)]


def _connect(host, port):
    # Late: only who uses a TPU needs gRPC.
    from training.devices import grpc_probe

    where = "grpc://{}:{}".format(host, port)
    too_late = UserError(
        "no TPU answers at {}; check the address, and that this machine is in the TPU's "
        "network".format(where)
    )

    def connect():
        try:
            socket.create_connection((host, port), timeout=SOCKET_SECONDS).close()
        except OSError as error:
            raise too_late from error

    _within(SOCKET_SECONDS, connect, too_late)
    fault = grpc_probe.fault(host, port)
    if fault:
        raise UserError(
            "what listens at {} is no TPU: {}; check the address".format(where, shortened(fault))
        )
