"""Colours become what every output is labelled with: BT.709, limited range, ordinary brightness."""

from av.video.stream import VideoStream

from daira_video.domain.limits import Source

_BT709, _UNSPECIFIED, _FULL_RANGE = 1, 2, 2
_PQ, _HLG = 16, 18
_HD = 720  # smaller pictures without a label are BT.601, by old custom
_LABEL = ":out_color_matrix=bt709:out_range=tv"


def to_bt709(stream: VideoStream, source: Source) -> str:
    """Options for the first scaler after the decoder; nothing when the colours are right already."""
    context = stream.codec_context
    if context.color_trc in (_PQ, _HLG):
        # What phones film in HDR would look pale: highlights are folded into the ordinary range.
        return f"{_LABEL}:out_transfer=bt709:out_primaries=bt709:intent=perceptual"
    unlabelled = context.colorspace == _UNSPECIFIED
    if unlabelled and source.short_edge < _HD:
        return f":in_color_matrix=bt601{_LABEL}"
    right = unlabelled or context.colorspace == _BT709
    return "" if right and context.color_range != _FULL_RANGE else _LABEL
