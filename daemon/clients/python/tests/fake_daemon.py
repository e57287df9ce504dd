"""A daemon that answers what a test wants, over a real socket and gRPC."""

import concurrent.futures
import os

import grpc

from ithaca.groups.v1 import errors_pb2, groups_pb2, groups_pb2_grpc
from ithaca.planner.v1 import planner_pb2_grpc

TYPE_URL = "type.googleapis.com/google.rpc.ErrorInfo"


def details(reason, next_step="do so", domain="ithaca.dev", type_url=TYPE_URL, **facts):
    """The bytes of grpc-status-details-bin, as the daemon makes them."""
    info = errors_pb2.ErrorInfo(reason=reason, domain=domain,
                                metadata={"next_step": next_step, **facts})
    rich = errors_pb2.RichStatus(code=9, message="is said in the status")
    rich.details.add(type_url=type_url, value=info.SerializeToString())
    return rich.SerializeToString()


def refuse(context, reason, sentence="it is so", next_step="do so",
           code=grpc.StatusCode.FAILED_PRECONDITION, **facts):
    """Ends a call as the daemon refuses one. Does not return."""
    context.set_trailing_metadata((("grpc-status-details-bin",
                                    details(reason, next_step, **facts)),))
    context.abort(code, "%s: %s; %s" % (reason, sentence, next_step))


class FakeDaemon(groups_pb2_grpc.GroupsServiceServicer, planner_pb2_grpc.PlannerServiceServicer):
    """Serves at ``<folder>/ithacad.sock``. A method is what a test sets it to: a function of
    (request, context), as in ``fake.GetGroup = lambda request, context: ...``."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "ithacad.sock")
        self.start()

    def start(self):
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        groups_pb2_grpc.add_GroupsServiceServicer_to_server(_Late(self), self._server)
        planner_pb2_grpc.add_PlannerServiceServicer_to_server(_Late(self), self._server)
        self._server.add_insecure_port("unix:" + self.socket)
        self._server.start()

    def stop(self):
        self._server.stop(None).wait()
        if os.path.exists(self.socket):
            os.unlink(self.socket)


class _Late:
    """Looks a method up when it is called, so that tests may replace it at any time."""

    def __init__(self, fake):
        self._fake = fake

    def __getattr__(self, name):
        return lambda request, context: getattr(self._fake, name)(request, context)


def group(epoch=1, size=2, slots=(0, 1), sequence=1, **fields):
    """A group with members m<slot>, whose incarnations are 100 + slot."""
    members = [groups_pb2.Member(member_id="m%d" % slot, slot=slot, incarnation=100 + slot)
               for slot in slots]
    return groups_pb2.Group(group_id="g", epoch=epoch, size=size, members=members,
                            sequence=sequence, **fields)


def first_message(slot=0, **fields):
    """What JoinGroup says first to the member at ``slot``."""
    return groups_pb2.JoinGroupResponse(
        joined=groups_pb2.Joined(slot=slot, incarnation=100 + slot), group=group(**fields))
