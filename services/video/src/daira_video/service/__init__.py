"""Use-cases of video: taking uploads in, transcoding them, serving and forgetting them."""
