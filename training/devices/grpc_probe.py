"""Asks whether what listens at an address is a TensorFlow server.

A session does not ask: it waits for hours where an address is silent, and where something else
answers it raises whatever gRPC makes of the answer.
"""

import grpc

CONNECT_SECONDS = 10  # until both sides speak HTTP/2, which a TensorFlow server does at once
ANSWER_SECONDS = 15
# Of tensorflow/core/protobuf/master_service.proto. An empty request is of no session; it changes
# nothing.
_METHOD = "/tensorflow.MasterService/ListDevices"
# Of servers that do not know the method, or have no such thing as a method.
_FOREIGN = (
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
)


def fault(host, port):
    """Why the server at an address is none of TensorFlow's.

      fault("10.240.1.2", 8470)  # None

    Args:
      host: str.
      port: int, at which somebody listens.

    Returns:
      Some words, or None: it is one, or it is too busy to say.
    """
    # A proxy would answer for another machine.
    channel = grpc.insecure_channel(
        "{}:{}".format(host, port), options=[("grpc.enable_http_proxy", 0)]
    )
    try:
        try:
            grpc.channel_ready_future(channel).result(CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            return "it does not speak gRPC without encryption, as TensorFlow does"
        try:
            channel.unary_unary(_METHOD)(b"", timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            if error.code() in _FOREIGN:
                return "to a question for its devices it says {}".format(
                    " ".join((error.details() or error.code().name).split())
                )
        return None
    finally:
        channel.close()
