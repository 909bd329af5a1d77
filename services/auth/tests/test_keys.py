from base64 import b64encode
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet

from daira_auth.domain.keys import KeyState
from daira_contracts.auth import KeyState as PublicState
from daira_contracts.auth import SigningKeyChangedV1
from daira_kit.errors import Unavailable
from daira_testing.tokens import TokenMint
from daira_web.tokens import TokenInvalid, TokenVerifier


async def test_the_first_key_signs_at_once_and_is_announced_under_the_root_key(bench: Any, mint: TokenMint) -> None:
    tokens = await bench.log_in()
    verifier = TokenVerifier(mint.root_public_key, bench.settings.token_issuer)
    with pytest.raises(Unavailable):
        verifier.verify(tokens.access_token)

    for event in await bench.told(SigningKeyChangedV1):
        verifier.put_key(event)

    assert verifier.verify(tokens.access_token).user_id == tokens.user_id


async def test_keepers_of_many_replicas_make_one_first_key(bench: Any) -> None:
    import asyncio

    await asyncio.gather(*(bench.auth.keys.tend() for _ in range(4)))

    assert await bench.count("signing_key") == 1


async def test_rotation_announces_ten_minutes_ahead_and_refuses_no_good_token(bench: Any, mint: TokenMint) -> None:
    verifier = TokenVerifier(mint.root_public_key, bench.settings.token_issuer)
    bench.clock.advance(days=-30, minutes=-1)
    old = await bench.log_in()
    first = (await bench.auth.keys.current()).kid
    bench.clock.advance(days=30, minutes=1)

    await bench.auth.keys.tend()
    await bench.publish()
    announced = (await bench.told(SigningKeyChangedV1))[-1]
    assert announced.state is PublicState.ANNOUNCED
    assert (announced.not_before - bench.clock()).total_seconds() == 600
    assert (await bench.auth.keys.current()).kid == first
    assert len(await bench.auth.keys.published()) == 2

    bench.clock.advance(minutes=10)
    await bench.auth.keys.tend()
    assert (await bench.auth.keys.current()).kid == announced.kid
    assert len(await bench.auth.keys.published()) == 2

    bench.clock.advance(minutes=20)
    await bench.auth.keys.tend()
    assert [key.kid for key in await bench.auth.keys.published()] == [announced.kid]
    states = [(event.kid, event.state.value, event.revision) for event in await bench.told(SigningKeyChangedV1)]
    assert states == [
        (first, "ACTIVE", 1),
        (announced.kid, "ANNOUNCED", 1),
        (announced.kid, "ACTIVE", 2),
        (first, "RETIRED", 2),
    ]
    for event in await bench.told(SigningKeyChangedV1):
        verifier.put_key(event)
    with pytest.raises(TokenInvalid):
        verifier.verify(old.access_token)


async def test_a_key_that_nobody_heard_of_does_not_sign(bench: Any) -> None:
    bench.clock.advance(days=-30, minutes=-1)
    first = (await bench.auth.keys.current()).kid
    bench.clock.advance(days=30, minutes=1)
    await bench.auth.keys.tend()
    second = (await bench.told(SigningKeyChangedV1))[-1].kid

    signing = []
    for minutes in (20, 9, 1):
        bench.clock.advance(minutes=minutes)
        await bench.auth.keys.tend(repeat=True)
        signing.append((await bench.auth.keys.current()).kid)
        if minutes == 20:
            await bench.publish()

    assert signing == [first, first, second]


async def test_a_key_that_begins_late_leaves_its_predecessors_tokens_their_time(bench: Any) -> None:
    bench.clock.advance(days=-30, minutes=-1)
    await bench.auth.keys.tend()
    bench.clock.advance(days=30, minutes=1)
    await bench.auth.keys.tend()
    await bench.publish()
    bench.clock.advance(days=2)
    last = await bench.log_in()
    async with bench.database.work() as work:
        await work.execute("DELETE FROM outbox")

    await bench.auth.keys.tend()
    bench.clock.advance(minutes=14)
    await bench.auth.keys.tend()

    verifying = {key.kid for key in await bench.auth.keys.published()}
    assert jws.extract_compact(last.access_token.encode()).headers()["kid"] in verifying
    assert len(verifying) == 2


async def test_tending_again_changes_nothing(bench: Any) -> None:
    await bench.auth.keys.tend()
    await bench.auth.keys.tend()

    assert len(await bench.told(SigningKeyChangedV1)) == 1
    await bench.auth.keys.tend(repeat=True)
    told = await bench.told(SigningKeyChangedV1)
    assert len(told) == 2
    assert told[0].revision == told[1].revision


async def test_a_worker_that_starts_when_a_key_is_due_takes_no_step_back(bench: Any) -> None:
    bench.clock.advance(days=-30, minutes=-1)
    await bench.auth.keys.tend()
    bench.clock.advance(days=30, minutes=1)
    await bench.auth.keys.tend()
    await bench.publish()
    bench.clock.advance(minutes=31)

    await bench.auth.keys.tend(repeat=True)
    bench.clock.advance(minutes=20)
    await bench.auth.keys.tend(repeat=True)

    async with bench.database.read() as work:
        rows = await work.all("SELECT state, revision FROM signing_key ORDER BY not_before")
    assert [(row["state"], row["revision"]) for row in rows] == [("RETIRED", 2), ("ACTIVE", 2)]
    newest = {event.kid: event.state for event in await bench.told(SigningKeyChangedV1)}
    assert list(newest.values()) == [PublicState.RETIRED, PublicState.ACTIVE]


async def test_a_record_that_the_root_key_did_not_sign_is_not_trusted(bench: Any) -> None:
    tokens = await bench.log_in()
    event = (await bench.told(SigningKeyChangedV1))[0]
    stranger = TokenVerifier(TokenMint().root_public_key, bench.settings.token_issuer)

    stranger.put_key(event)

    with pytest.raises(Unavailable):
        stranger.verify(tokens.access_token)


async def test_private_keys_are_sealed_at_rest_and_gone_when_retired(bench: Any) -> None:
    signer = await bench.auth.keys.current()
    async with bench.database.read() as work:
        row = await work.one("SELECT * FROM signing_key")
    private = str(signer.key.as_dict(private=True)["d"])
    assert private not in str(row)
    assert b64encode(private.encode()).decode() not in str(row)

    bench.clock.advance(days=30)
    await bench.auth.keys.tend()
    await bench.publish()
    for minutes in (10, 20):
        bench.clock.advance(minutes=minutes)
        await bench.auth.keys.tend()
    async with bench.database.read() as work:
        retired = await work.one("SELECT * FROM signing_key WHERE state = 'RETIRED'")
    assert retired["sealed_private"] == ""


async def test_jwks_verifies_the_tokens_and_shows_nothing_private(running: Any) -> None:
    tokens = await running.phone().log_in()

    answer = await running.http.get("/.well-known/jwks.json")

    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert all(key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in keys)
    decoded = jwt.decode(tokens["accessToken"], KeySet([ECKey.import_key(key) for key in keys]), ["ES256"])
    assert decoded.header == {"alg": "ES256", "typ": "at+jwt", "kid": keys[0]["kid"]}
    assert decoded.claims.keys() == {"iss", "aud", "sub", "sid", "iat", "exp"}
    assert (decoded.claims["aud"], decoded.claims["sub"]) == ("daira-api", tokens["userId"])
    assert decoded.claims["exp"] - decoded.claims["iat"] == 900


async def test_staff_carry_their_roles(bench: Any) -> None:
    from daira_auth.repository import people

    tokens = await bench.log_in()
    async with bench.database.work() as work:
        await people.put_role(work, tokens.user_id, "staff", bench.clock())
    refreshed = await bench.refresh(tokens.refresh_token)

    decoded = jwt.decode(refreshed.access_token, (await bench.auth.keys.current()).key, ["ES256"])

    assert decoded.claims["roles"] == ["staff"]


def test_states_in_the_house_and_on_the_wire_have_the_same_names() -> None:
    assert {state.value for state in KeyState} == {state.value for state in PublicState} - {"UNKNOWN"}
