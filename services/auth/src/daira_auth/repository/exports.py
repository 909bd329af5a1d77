"""What auth holds of a person, for their export. Secrets and digests are not theirs to know."""

from daira_stores.sections import Sections

SECTIONS: Sections = {
    "account": "SELECT id AS user_id, phone, locale, registered_at, erases_at FROM person WHERE id = %(user)s",
    "sessions": """
        SELECT id, device_id, platform, authenticated_at, last_used_at, expires_at, revoked_at
        FROM session WHERE user_id = %(user)s ORDER BY id
    """,
    "roles": "SELECT role, granted_at FROM staff_role WHERE user_id = %(user)s ORDER BY role",
}
