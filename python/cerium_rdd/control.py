"""What a program asks of Cerium's server beyond Spark Connect."""

import base64

from google.protobuf import any_pb2, json_format, struct_pb2
from pyspark.sql.connect import proto


def ask(session, operation, **arguments):
    """The answer to an operation, as a dictionary."""
    question = struct_pb2.Struct()
    question.update({"cerium": operation, **arguments})
    client = session.client
    request = client._execute_plan_request_with_metadata()
    request.plan.command.extension.Pack(question)
    answer = struct_pb2.Struct()
    for item in client._execute_and_fetch_as_iterator(request, {}):
        if isinstance(item, any_pb2.Any):
            item.Unpack(answer)
    return json_format.MessageToDict(answer)


def text_of_plan(relation, client):
    """A relation as the operations take it."""
    plan = proto.Plan()
    plan.root.CopyFrom(relation.plan(client))
    return base64.b64encode(plan.SerializeToString()).decode("ascii")
