"""What every event does by itself."""

from uuid import UUID

import msgspec

from daira_contracts.feed import PostChangedV1, PostState
from daira_contracts.moderation import Decision, SubjectType, VerdictReachedV1
from daira_contracts.registry import EVENTS
from daira_contracts.user import FollowState, RelationChangedV1
from daira_kit.ids import new_id

ACTOR, TARGET = (UUID(int=number) for number in (1, 2))


def test_every_event_is_registered_under_its_own_topic() -> None:
    assert all(topic == event.topic for topic, event in EVENTS.items())


def test_a_key_of_two_fields_is_joined_with_a_colon() -> None:
    relation = RelationChangedV1(actor_id=ACTOR, target_id=TARGET, follow=FollowState.FOLLOWING)

    assert relation.key_text() == f"{ACTOR}:{TARGET}"


def test_an_enum_stands_in_a_key_as_it_stands_on_the_wire() -> None:
    verdict = VerdictReachedV1(
        subject_type=SubjectType.POST, subject_id="p1", subject_revision=1, decision=Decision.APPROVED
    )

    assert verdict.key_text() == "POST:p1"


def test_two_events_are_never_the_same_event() -> None:
    one, other = (RelationChangedV1(actor_id=ACTOR, target_id=TARGET, follow=FollowState.NONE) for _ in range(2))

    assert one.event_id != other.event_id


def test_a_member_that_an_old_reader_does_not_know_is_read_as_unknown() -> None:
    assert msgspec.json.decode(b'"ARCHIVED"', type=PostState) is PostState.UNKNOWN


def test_a_message_written_before_a_field_existed_is_still_read() -> None:
    old = {
        "eventId": str(new_id()),
        "occurredAt": "2026-01-01T00:00:00Z",
        "revision": 1,
        "postId": str(ACTOR),
        "authorId": str(TARGET),
        "state": "PUBLISHED",
        "contentRevision": 1,
        "text": "",
        "createdAt": "2026-01-01T00:00:00Z",
    }

    post = msgspec.json.decode(msgspec.json.encode(old), type=PostChangedV1)

    assert (post.hashtags, post.media_ids, post.edited_at) == ((), (), None)


def test_a_message_written_after_a_field_was_added_is_read_without_it() -> None:
    newer = b'{"eventId": "%s", "occurredAt": "2026-01-01T00:00:00Z", "revision": 1, "userId": "%s",' % (
        str(new_id()).encode(),
        str(ACTOR).encode(),
    )
    newer += b' "erasedAt": "2026-01-01T00:00:00Z", "addedNextYear": {"a": 1}}'

    assert msgspec.json.decode(newer, type=EVENTS["auth.user-erased.v1"]).revision == 1
