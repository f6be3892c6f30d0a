"""The client's half of SCRAM, for tests that speak to a server of it."""

from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ServerFirst,
    auth_message,
    final_without_proof,
)
from streamcore.wire.scram_keys import ScramMechanism, client_proof, salted_password


def final_token(
    first: ClientFirst, challenge: bytes, mechanism: ScramMechanism, password: str
) -> bytes:
    """What a client answers to the server's first message."""
    told = ServerFirst.decode(challenge)
    salted = salted_password(mechanism, password, salt=told.salt, iterations=told.iterations)
    without = final_without_proof(first.gs2_header, told.nonce)
    proof = client_proof(mechanism, salted, auth_message(first, challenge, without))
    return ClientFinal(
        binding=first.gs2_header.encode(), nonce=told.nonce, proof=proof, without_proof=without
    ).encode()
