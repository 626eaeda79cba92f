"""Finding the Cloud TPU: what is resolved, and every way in which it fails, in one line each."""

import json
import shutil
import socket
import sys
import time

import foreign_servers
import pytest
import tensorflow.compat.v1 as tf
from fake_tpu_api import PROJECT, ZONE, FakeTpuApi, node, take_offline

from cli.app import one_line
from common.errors import UserError
from training import estimators
from training.devices import cloud_tpu, cloud_tpu_api, grpc_probe
from training.devices.strategies import Devices
from training.failures import session_errors
from training.run_config import RunConfig

pytestmark = pytest.mark.tf1

tf.disable_v2_behavior()

FOUND = "TPU my-tpu (zone {}, project {})".format(ZONE, PROJECT)
NEVER = "http://127.0.0.1:1/{api}/{apiVersion}"  # nothing listens on port 1


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No name but this machine's is looked up, and no credentials of the user's are found.

    Returns the names that were asked for.
    """
    asked = take_offline(monkeypatch, tmp_path)
    monkeypatch.setattr(cloud_tpu_api, "RETRY_WAITS", (0.01,))
    return asked


@pytest.fixture
def fake(monkeypatch):
    """Starts a FakeTpuApi that TPU_API_DISCOVERY_URL points to."""
    running = []

    def start(*args, **kwargs):
        api = FakeTpuApi(*args, **kwargs).__enter__()
        running.append(api)
        monkeypatch.setenv("TPU_API_DISCOVERY_URL", api.url)
        return api

    yield start
    for api in running:
        api.__exit__()


@pytest.fixture
def refusal(capfd):
    """Runs resolve_tpu as a script would; its one line on standard error."""

    def run(name="my-tpu", zone=ZONE, project=PROJECT, **kwargs):
        start = time.time()
        main = one_line(lambda argv: cloud_tpu.resolve_tpu(name, zone, project, **kwargs))
        assert main(["script"]) == 1
        assert time.time() - start < 10
        out, err = capfd.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1, err
        return err[len("error: ") : -1]

    return run


def run_config(tpu):
    """RunConfig as run_pretraining.py makes it."""
    return estimators.load().tpu.RunConfig(cluster=tpu.resolver, master=tpu.master)


def workers(config):
    return dict(config.session_config.cluster_def.job[0].tasks)


def test_ready(fake):
    api = fake({"my-tpu": node("READY")})
    tpu = cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT)
    assert isinstance(tpu.resolver, tf.distribute.cluster_resolver.TPUClusterResolver)
    assert tpu.master is None
    assert tpu.description == FOUND + ": READY, v3-8, grpc://10.240.1.2:8470"
    config = run_config(tpu)
    assert config.master == config.evaluation_master == "grpc://10.240.1.2:8470"
    assert workers(config) == {0: "10.240.1.2:8470"}
    # The description of the API is read once, however often TensorFlow asks.
    assert api.paths.count("/discovery/tpu/v1") == 1 and len(api.paths) > 2


def test_pod_and_old_answer(fake):
    pod = node("READY", [("10.0.0.2", 8470), ("10.0.0.3", 8471)])
    old = node("READY", networkEndpoints=None, ipAddress="10.0.0.4", port="8470")
    fake({"pod": pod, "old": old})
    tpu = cloud_tpu.resolve_tpu("pod", ZONE, PROJECT)
    assert "grpc://10.0.0.2:8470 and 1 more" in tpu.description
    assert workers(run_config(tpu)) == {0: "10.0.0.2:8470", 1: "10.0.0.3:8471"}
    assert cloud_tpu.resolve_tpu("old", ZONE, PROJECT).resolver.master() == "grpc://10.0.0.4:8470"


def test_what_the_preemption_hook_asks(fake):
    """TPUEstimator's hook looks into the resolver, in 1.15 even into that of an address."""
    api = fake({"my-tpu": node("READY")})
    resolver = cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT).resolver
    # 2.15 goes through cloud-tpu-client, 1.15 does it itself.
    asked = getattr(resolver, "_cloud_tpu_client", resolver)
    assert asked._fetch_cloud_tpu_metadata()["state"] == "READY"
    api.nodes.clear()
    with pytest.raises(ValueError, match="there is no TPU my-tpu"):
        asked._fetch_cloud_tpu_metadata()
    by_address = cloud_tpu.resolve_tpu("grpc://10.0.0.2:8470").resolver
    if hasattr(by_address, "_cloud_tpu_client"):
        assert not by_address._cloud_tpu_client.api_available()
    else:
        assert by_address._fetch_cloud_tpu_metadata()["state"] == "READY"


def test_zone_and_project_of_this_machine(fake, monkeypatch):
    api = fake({"my-tpu": node("READY")})
    monkeypatch.setenv("GCE_METADATA_HOST", api.host)
    assert cloud_tpu.resolve_tpu("my-tpu").description.startswith(FOUND)
    assert cloud_tpu.resolve_tpu("my-tpu", tpu_zone=ZONE).description.startswith(FOUND)


def test_service_url_without_environment():
    with FakeTpuApi({"my-tpu": node("READY")}) as api:
        tpu = cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT, service_url=api.url)
        assert tpu.resolver.master() == "grpc://10.240.1.2:8470"


@pytest.mark.parametrize(
    ("name", "masters"),
    [
        ("grpc://10.0.0.2:8471", ["10.0.0.2:8471"]),
        ("grpc://10.0.0.2", ["10.0.0.2:8470"]),
        ("grpc://10.0.0.2:8470,10.0.0.3:8470", ["10.0.0.2:8470", "10.0.0.3:8470"]),
    ],
)
def test_address_needs_no_api(name, masters, monkeypatch):
    monkeypatch.setenv("TPU_API_DISCOVERY_URL", NEVER)
    monkeypatch.setitem(sys.modules, "googleapiclient", None)
    tpu = cloud_tpu.resolve_tpu(name)
    config = run_config(tpu)
    assert config.master == "grpc://" + masters[0]
    assert workers(config) == dict(enumerate(masters))
    assert "TPU at grpc://" + masters[0] in tpu.description


def test_master_and_local():
    tpu = cloud_tpu.resolve_tpu(None, master="grpc://10.0.0.2:8470")
    assert tpu.resolver is None and run_config(tpu).master == "grpc://10.0.0.2:8470"
    assert "--master" in tpu.description
    assert run_config(cloud_tpu.resolve_tpu("local")).master in ("", "local")


@pytest.mark.parametrize(
    ("health", "warned"),
    [("HEALTHY", False), (None, False), ("UNHEALTHY_TENSORFLOW", True)],
)
def test_health_is_a_warning(fake, capsys, health, warned):
    fake({"my-tpu": node("READY", health=health, healthDescription="It is ill.\nVery.")})
    assert cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT).resolver.master()
    out = capsys.readouterr().out
    said = FOUND + " is READY, but its health is UNHEALTHY_TENSORFLOW (It is ill); should"
    assert (said in out) == warned and bool(out) == warned


@pytest.mark.parametrize(
    ("state", "what_to_do"),
    [
        ("CREATING", "wait until it is READY, then start again"),
        ("STARTING", "wait until it is READY, then start again"),
        ("STOPPED", "run `gcloud compute tpus start`, then start again"),
        (
            "PREEMPTED",
            "Google took it back; delete it, create it again and start again (training resumes "
            "from --output_dir)",
        ),
        (
            "TERMINATED",
            "delete it, create it again and start again (training resumes from --output_dir)",
        ),
        ("HIDDEN", "start again when it is READY"),
    ],
)
def test_state(fake, refusal, state, what_to_do):
    fake({"my-tpu": node(state)})
    assert refusal() == "{} is {}, not READY: {}".format(FOUND, state, what_to_do)


def test_answer_without_state_or_address(fake, refusal):
    fake({"my-tpu": {}, "bare": node("READY", []), "part": node("READY", [("10.0.0.2", None)])})
    assert "is STATE_UNSPECIFIED, not READY" in refusal()
    for name in ("bare", "part"):
        assert "is READY, but the Cloud TPU API gives no address for it" in refusal(name)


def test_unknown_name(fake, refusal):
    fake({"my-tpu": node("READY")})
    assert refusal("your-tpu") == (
        "there is no TPU your-tpu (zone {}, project {}); check --tpu_name, --tpu_zone and "
        "--gcp_project".format(ZONE, PROJECT)
    )


def test_permission_denied(fake, refusal):
    fake({"my-tpu": node("READY")}, failures=[403])
    assert refusal() == (
        "permission denied to ask for {} (HTTP 403: The fake was told to say 403); give this "
        "account the role TPU Viewer there and enable the API tpu.googleapis.com".format(FOUND)
    )


def test_no_credentials(fake, refusal, monkeypatch, tmp_path):
    fake({"my-tpu": node("READY")}, with_scopes=True)
    line = refusal()
    assert line.startswith("no valid Google credentials to ask for {}: ".format(FOUND))
    assert "; run `gcloud auth application-default login`, or set GOOGLE_APP" in line
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    assert "none.json was not found; run `gcloud" in refusal()


def test_credentials_of_a_key_file(fake, refusal, monkeypatch, tmp_path):
    rsa = pytest.importorskip("rsa")
    api = fake({"my-tpu": node("READY")}, with_scopes=True)
    key = {
        "type": "service_account",
        "project_id": PROJECT,
        "client_email": "me@my-project.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": rsa.newkeys(1024)[1].save_pkcs1().decode("ascii"),
        "token_uri": api.token_url,
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    resolver = cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT).resolver
    assert resolver.master() == "grpc://10.240.1.2:8470"
    assert api.paths.count("/token") == 1
    path.write_text(json.dumps(dict(key, token_uri="http://127.0.0.1:1/token")))
    assert "cannot reach the Cloud TPU API" in refusal()


def test_dead_port_and_unknown_host(refusal, monkeypatch, offline):
    monkeypatch.setenv("TPU_API_DISCOVERY_URL", NEVER)
    assert refusal() == (
        "cannot reach the Cloud TPU API at http://127.0.0.1:1/tpu/v1 to ask for {}: Connection "
        "refused; check the network, or give --tpu_name=grpc://ADDRESS:8470".format(FOUND)
    )
    # Without the variable: Google's own address, which the guard knows nothing of.
    monkeypatch.delenv("TPU_API_DISCOVERY_URL")
    assert "Unable to find the server at www.googleapis.com" in refusal()
    assert offline == ["www.googleapis.com"]


def test_other_pages(fake, refusal, monkeypatch, offline):
    api = fake({"my-tpu": node("READY"), "odd": "text"})
    assert "the answer is not that of the API (" in refusal("odd")
    monkeypatch.setenv("TPU_API_DISCOVERY_URL", "http://{}/other".format(api.host))
    assert "HTTP 404 for its description" in refusal()
    page = "http://{}/computeMetadata/v1/instance/zone".format(api.host)
    monkeypatch.setenv("TPU_API_DISCOVERY_URL", page)
    assert "the answer is not that of the API (JSONDecodeError" in refusal()
    assert offline == []  # an address that was given never leads to Google's


def test_overload_is_retried(fake, refusal):
    api = fake({"my-tpu": node("READY")}, failures=[503])
    assert cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT).resolver.master()
    api.failures[:] = [503, 429]
    assert refusal() == (
        "the Cloud TPU API does not tell of {} (HTTP 429: The fake was told to say 429); try again "
        "later".format(FOUND)
    )
    api.failures[:] = [400]
    assert "(HTTP 400: The fake was told to say 400); check the flags" in refusal()


@pytest.mark.parametrize("limit", ["SOCKET_SECONDS", "API_SECONDS"])
def test_silent_server(fake, refusal, monkeypatch, limit):
    monkeypatch.setattr(cloud_tpu_api if limit == "SOCKET_SECONDS" else cloud_tpu, limit, 0.3)
    fake({"my-tpu": node("READY")}, delay=3)
    start = time.time()
    reason = "timed out" if limit == "SOCKET_SECONDS" else "no answer in time"
    assert "to ask for {}: {}; check".format(FOUND, reason) in refusal()
    assert time.time() - start < 2


def test_no_metadata_server(fake, refusal, monkeypatch, offline):
    fake({"my-tpu": node("READY")})
    start = "cannot find out where TPU my-tpu is, for no metadata server of Google Cloud answers "
    assert refusal(project=None) == start + "here; give --gcp_project"
    assert refusal(zone=None) == start + "here; give --tpu_zone"
    assert refusal(zone="", project="") == start + "here; give --tpu_zone and --gcp_project"
    assert offline == ["metadata.google.internal"] * 3
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")
    assert refusal(project=None).endswith("give --gcp_project")


def test_slow_metadata_server(refusal, monkeypatch):
    monkeypatch.setattr(cloud_tpu, "METADATA_SECONDS", 0.3)
    monkeypatch.setattr(cloud_tpu, "_ask_metadata", lambda path: time.sleep(3))
    start = time.time()
    assert refusal(project=None).endswith("give --gcp_project")
    assert time.time() - start < 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"name": None},
            "--use_tpu=True needs --tpu_name=NAME, --tpu_name=grpc://ADDRESS:8470 or --master",
        ),
        ({"name": ""}, "--use_tpu=True needs --tpu_name=NAME"),
        (
            {"master": "grpc://10.0.0.2:8470"},
            "--master=grpc://10.0.0.2:8470 and --tpu_name=my-tpu both say where the TPU is; give "
            "one of them",
        ),
        ({"name": "10.0.0.2:8470"}, "--tpu_name=10.0.0.2:8470 is neither the name of a TPU"),
        ({"name": "grpc://"}, "--tpu_name=grpc:// is no address; write --tpu_name=grpc://ADDRESS"),
        ({"name": "grpc://a:b"}, "--tpu_name=grpc://a:b is no address"),
        ({"zone": "a/b"}, "--tpu_zone=a/b must be one word without /"),
        ({"project": "my project"}, "--gcp_project=my project must be one word without /"),
    ],
)
def test_flags(refusal, flags, message, offline):
    assert refusal(**flags).startswith(message)
    assert offline == []


@pytest.fixture
def foreign_server(request, tmp_path):
    """(kind, port) of a server that is none of TensorFlow's."""
    if "TLS" in request.param and not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    with foreign_servers.running(request.param, tmp_path) as port:
        yield request.param, port


@pytest.fixture(scope="module")
def server():
    """The address of a TensorFlow server, as a TPU has one; it runs to the end of the process."""
    return tf.train.Server.create_local_server().target.replace("localhost", "127.0.0.1")


def test_somebody_answers(fake, server):
    port = int(server.rsplit(":", 1)[1])
    fake({"my-tpu": node("READY", addresses=[("127.0.0.1", port)] * 2)})
    cloud_tpu.check_reachable(cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT))
    cloud_tpu.check_reachable(cloud_tpu.resolve_tpu(server))
    cloud_tpu.check_reachable(cloud_tpu.resolve_tpu(None, master=server))
    cloud_tpu.check_reachable(cloud_tpu.resolve_tpu("local"))
    cloud_tpu.check_reachable(cloud_tpu.resolve_tpu(None, master="local"))


@pytest.mark.parametrize("flag", ["tpu_name", "master"])
@pytest.mark.parametrize("foreign_server", foreign_servers.KINDS, indirect=True)
def test_something_else_answers(foreign_server, flag, monkeypatch, capfd):
    kind, port = foreign_server
    monkeypatch.setattr(grpc_probe, "CONNECT_SECONDS", 1)
    address = "grpc://127.0.0.1:{}".format(port)
    tpu = cloud_tpu.resolve_tpu(**{"tpu_name": None, flag: address})
    start = time.time()
    assert one_line(lambda argv: cloud_tpu.check_reachable(tpu))(["script"]) == 1
    assert time.time() - start < 5
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: what listens at {} is no TPU: ".format(address))
    assert errors[0].endswith("; check the address")
    assert ("Method not found" if kind == "gRPC" else "does not speak gRPC") in errors[0]


def test_a_server_that_is_busy_is_not_refused(server, monkeypatch):
    monkeypatch.setattr(grpc_probe, "ANSWER_SECONDS", 1e-9)
    assert grpc_probe.fault("127.0.0.1", int(server.rsplit(":", 1)[1])) is None


@pytest.mark.parametrize(
    "error", [tf.errors.CancelledError, tf.errors.UnimplementedError, tf.errors.UnavailableError]
)
def test_a_connection_that_breaks_is_one_line(error):
    """After the check, whatever gRPC makes of it."""
    fault = Devices(master="grpc://127.0.0.1:1").session_fault
    with pytest.raises(UserError) as caught, session_errors([], device_fault=fault):
        raise error(None, None, "Received http2 header with status: 404\nAdditional GRPC error")
    line = str(caught.value)
    assert line.startswith("the session with the TPU has ended: Received http2 header with status")
    assert "\n" not in line and error.__name__ in line


def test_an_address_that_is_none():
    fault = Devices(master="10.0.0.2").session_fault
    with pytest.raises(UserError) as caught, session_errors([], device_fault=fault):
        tf.Session("10.0.0.2")
    assert str(caught.value) == (
        "--master=10.0.0.2 is no address of a session; write grpc://ADDRESS:8470"
    )


def test_a_machine_without_a_tpu():
    error = RuntimeError(
        "Cannot find any TPU cores in the system. Please double check Tensorflow master address "
        "and TPU worker(s). Available devices are (_DeviceAttributes(/job:localhost/replica:0/"
        "task:0/device:CPU:0, CPU, 268435456, 2028),)."
    )
    line = str(cloud_tpu.session_fault(error))
    assert line.startswith("TensorFlow finds no TPU there, but CPU; check --tpu_name or --master")
    assert cloud_tpu.session_fault(RuntimeError("anything else")) is None


def test_faults_of_a_network_are_not_blamed_on_the_connection():
    error = tf.errors.InternalError(None, None, "a fault of the program")
    assert Devices(master="grpc://127.0.0.1:1").session_fault(error) is None
    gone = tf.errors.UnavailableError(None, None, "Socket closed")
    assert Devices().session_fault(gone) is None
    assert "Socket closed" in str(Devices(master="grpc://127.0.0.1:1").session_fault(gone))


@pytest.mark.parametrize("flag", ["tpu_name", "master"])
def test_nobody_answers(flag):
    tpu = cloud_tpu.resolve_tpu(**{"tpu_name": None, flag: "grpc://127.0.0.1:1"})
    with pytest.raises(UserError, match=r"^no TPU answers at grpc://127.0.0.1:1; check"):
        cloud_tpu.check_reachable(tpu)


def test_an_address_that_is_silent(monkeypatch):
    tpu = cloud_tpu.resolve_tpu("grpc://127.0.0.1")
    monkeypatch.setattr(cloud_tpu, "SOCKET_SECONDS", 0.2)
    monkeypatch.setattr(socket, "create_connection", lambda *args, **kwargs: time.sleep(3))
    start = time.time()
    with pytest.raises(UserError, match=r"^no TPU answers at grpc://127.0.0.1:8470;"):
        cloud_tpu.check_reachable(tpu)
    assert time.time() - start < 2


def test_a_tpu_that_is_taken_away(fake):
    api = fake({"my-tpu": node("READY")})
    tpu = cloud_tpu.resolve_tpu("my-tpu", ZONE, PROJECT)
    api.nodes[next(iter(api.nodes))] = node("PREEMPTED")
    with pytest.raises(UserError, match=r"^the TPU can no longer be used: .*PREEMPTED"):
        cloud_tpu.check_reachable(tpu)
    run = RunConfig("out", "bert", [], [], None, use_tpu=True)
    with pytest.raises(UserError, match=r"^the TPU can no longer be used: .*PREEMPTED"):
        Devices(cluster=tpu.resolver).make_estimator(None, run)


def test_library_is_missing(monkeypatch, refusal):
    monkeypatch.setitem(sys.modules, "googleapiclient", None)
    line = refusal()
    assert line.startswith("cloud-tpu-client, which looks TPUs up by name, is not installed (")
    assert "; run `pip install cloud-tpu-client==0.10`, or give --tpu_name=grpc://" in line


def test_errors_of_our_own_are_not_hidden(monkeypatch):
    """The time limit hands on what happened in its thread."""
    with pytest.raises(ZeroDivisionError):
        cloud_tpu._within(5, lambda: 1 // 0, UserError("late"))
