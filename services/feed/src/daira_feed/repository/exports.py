"""What feed holds of a person, for their export: every post with all its revisions that are kept."""

from daira_stores.sections import Sections

SECTIONS: Sections = {
    "posts": """
        SELECT p.id, p.state, p.visibility, p.reply_policy, p.duet_of, p.stitch_of, p.quote_of, p.reject_code,
            p.created_at, p.edited_at, p.published_at,
            (SELECT json_agg(json_build_object('revision', c.revision, 'text', c.text, 'hashtags', c.hashtags,
                'mediaIds', c.media_ids, 'createdAt', c.created_at, 'decision', c.decision) ORDER BY c.revision)
             FROM content c WHERE c.post_id = p.id) AS revisions
        FROM post p WHERE p.author_id = %(user)s ORDER BY p.created_at, p.id
    """,
    "reading": "SELECT active_at, data_saver FROM reader WHERE user_id = %(user)s",
}
