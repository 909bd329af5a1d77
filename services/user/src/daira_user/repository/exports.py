"""What user holds of a person, for their export. Who blocks or mutes this person is theirs, not in it."""

from daira_stores.sections import Sections

SECTIONS: Sections = {
    "profile": """
        SELECT user_id, handle, display_name, bio, avatar_media_id, avatar_url, locale, is_private, interests,
            created_at, updated_at
        FROM profile WHERE user_id = %(user)s
    """,
    "settings": "SELECT data_saver FROM setting WHERE user_id = %(user)s",
    "formerHandles": """
        SELECT handle, changed_at AS until FROM handle_change WHERE user_id = %(user)s ORDER BY changed_at
    """,
    "following": """
        SELECT target_id AS user_id, since FROM relation
        WHERE actor_id = %(user)s AND follow = 'FOLLOWING' ORDER BY since, target_id
    """,
    "followers": """
        SELECT actor_id AS user_id, since FROM relation
        WHERE target_id = %(user)s AND follow = 'FOLLOWING' ORDER BY since, actor_id
    """,
    "requestedToFollow": """
        SELECT target_id AS user_id, since FROM relation
        WHERE actor_id = %(user)s AND follow = 'REQUESTED' ORDER BY since, target_id
    """,
    "followRequests": """
        SELECT actor_id AS user_id, since FROM relation
        WHERE target_id = %(user)s AND follow = 'REQUESTED' ORDER BY since, actor_id
    """,
    "blocked": """
        SELECT target_id AS user_id, changed_at AS since FROM relation
        WHERE actor_id = %(user)s AND blocks ORDER BY changed_at, target_id
    """,
    "muted": """
        SELECT target_id AS user_id, changed_at AS since FROM relation
        WHERE actor_id = %(user)s AND mutes ORDER BY changed_at, target_id
    """,
}
