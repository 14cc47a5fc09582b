"""What a program asks of Cerium's server beyond Spark Connect."""

import base64

from google.protobuf import any_pb2, json_format, struct_pb2
from pyspark.sql.connect import proto
from pyspark.sql.connect.shell.progress import Progress


def ask(session, operation, **arguments):
    """The answer to an operation, as a dictionary."""
    answer = struct_pb2.Struct()
    for item in _answers(session, operation, arguments):
        if isinstance(item, any_pb2.Any):
            item.Unpack(answer)
    return json_format.MessageToDict(answer)


def rows_of(session, relation, partitions=None):
    """The rows of a relation as they arrive, or those of some partitions; the others are not computed."""
    plan = text_of_plan(relation, session.client)
    return _answers(session, "collect_partitions", {"plan": plan, "partitions": partitions})


def _answers(session, operation, arguments):
    question = struct_pb2.Struct()
    question.update({"cerium": operation, **arguments})
    client = session.client
    request = client._execute_plan_request_with_metadata()
    request.plan.command.extension.Pack(question)
    with Progress(handlers=client._progress_handlers, operation_id=request.operation_id) as progress:
        yield from client._execute_and_fetch_as_iterator(request, {}, progress)


def text_of_plan(relation, client):
    """A relation as the operations take it."""
    plan = proto.Plan()
    plan.root.CopyFrom(relation.plan(client))
    return base64.b64encode(plan.SerializeToString()).decode("ascii")
