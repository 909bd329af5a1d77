"""From the first log-in to a follow, over real Kafka and PostgreSQL."""

from uuid import UUID

import httpx

from daira_contracts.auth import UserRegisteredV1
from daira_contracts.user import FollowState, ProfileChangedV1, RelationChangedV1, SettingsChangedV1
from daira_kit.clock import now
from daira_kit.ids import new_id
from daira_testing.tokens import TokenMint
from daira_testing.topics import TopicProbe
from daira_testing.waiting import eventually

Client = httpx.AsyncClient


async def log_in(client: Client, probe: TopicProbe, mint: TokenMint) -> tuple[UUID, dict[str, str]]:
    user_id = new_id()
    await probe.publish(UserRegisteredV1(user_id=user_id, registered_at=now()))
    headers = mint.headers(user_id)

    async def known() -> bool:
        return (await client.get("/v1/users/me", headers=headers)).status_code == 200

    await eventually(known)
    return user_id, headers


async def test_a_new_person_gets_a_profile_names_themselves_and_is_followed(
    client: Client, probe: TopicProbe, mint: TokenMint
) -> None:
    author, as_author = await log_in(client, probe, mint)
    fan, as_fan = await log_in(client, probe, mint)

    changed = await client.patch(
        "/v1/users/me", headers=as_author, json={"handle": "Nour_Cairo", "displayName": "نور", "isPrivate": False}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["handle"] == "nour_cairo"
    told = await probe.wait_for(ProfileChangedV1, lambda event: event.user_id == author and event.revision == 2)
    assert told.proposed_display_name == "نور"

    followed = await client.put(f"/v1/users/{author}/follow", headers=as_fan)
    assert followed.json()["state"] == "FOLLOWING"
    relation = await probe.wait_for(RelationChangedV1, lambda event: event.actor_id == fan)
    assert (relation.target_id, relation.follow) == (author, FollowState.FOLLOWING)

    seen = await client.get("/v1/users/by-handle/@NOUR_CAIRO", headers=as_fan)
    assert seen.json()["viewer"]["state"] == "FOLLOWING"
    assert seen.json()["followersCount"] == 1

    chosen = await client.patch("/v1/users/me/settings", headers=as_fan, json={"dataSaver": "ALWAYS"})
    assert chosen.json() == {"dataSaver": "ALWAYS"}
    assert (await probe.wait_for(SettingsChangedV1, lambda event: event.user_id == fan)).revision == 1
