"""DescribeAcls (key 29), versions 1 to 3: there is no authorizer, so SECURITY_DISABLED.

That is what Apache Kafka without an authorizer answers; tools then show no ACLs. Not done:
access control lists.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_acls import DescribeAclsRequest, DescribeAclsResponse


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    decode(DescribeAclsRequest, request.api_version, body)
    response = DescribeAclsResponse(
        error_code=ErrorCode.SECURITY_DISABLED,
        error_message="No Authorizer is configured on the broker",
    )
    return encode(response, request.api_version)


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_ACLS,
    name="DescribeAcls",
    min_version=1,
    max_version=3,
    flexible_from=DescribeAclsRequest.FLEXIBLE_FROM,
    answer=answer,
)
