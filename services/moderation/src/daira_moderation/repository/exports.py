"""What moderation holds of a person, for their export. The rules that fired are not told, nor who decided."""

from daira_stores.sections import Sections

SECTIONS: Sections = {
    "verdicts": """
        SELECT subject, subject_id, decision, decided_at,
            (SELECT json_agg(DISTINCT reason ->> 'code') FROM jsonb_array_elements(reasons) reason) AS reasons
        FROM verdict WHERE author_id = %(user)s ORDER BY decided_at, subject_id
    """,
    "reviews": """
        SELECT subject, subject_id, subject_revision, state, opened_at, decision, reason_code, decided_at
        FROM review_case WHERE author_id = %(user)s ORDER BY opened_at, id
    """,
}
