"""The page at `/`: the endpoints, and a form to try them. It loads nothing, from here or from elsewhere."""

from starlette.requests import Request
from starlette.responses import HTMLResponse

from features.settings import MAX_EXCERPTS
from serving.form import MAX_TOP_K

# Addresses are relative, so that the page works behind a proxy that puts a path before them.
PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Music genre classifier</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }}
label {{ display: block; margin: .75rem 0; }}
pre {{ overflow-x: auto; }}
:root {{ color-scheme: light dark; }}
</style>
<h1>Music genre classifier</h1>
<p>What genre is this song?</p>
<form action="classify" method="post" enctype="multipart/form-data">
<label>Song <input type="file" name="audio" required></label>
<label>Model <input type="text" name="model" placeholder="the default"></label>
<label>Number of genres <input type="number" name="top_k" min="1" max="{MAX_TOP_K}" placeholder="all"></label>
<label>Excerpts of 30 seconds <input type="number" name="excerpts" min="1" max="{MAX_EXCERPTS}"
placeholder="the whole song"></label>
<button>Classify</button>
<button formaction="explain">Explain with a picture</button>
</form>
<h2>From a program</h2>
<pre>curl -F audio=@song.mp3 ADDRESS/classify
curl -F audio=@a.mp3 -F audio=@b.mp3 ADDRESS/classify_batch
curl -F audio=@song.mp3 -o why.png ADDRESS/explain</pre>
<ul>
<li><a href="docs.json">docs.json</a>: the OpenAPI document</li>
<li><a href="models">models</a>: the models and their cards</li>
<li><a href="readyz">readyz</a>, <a href="livez">livez</a> and <a href="metrics">metrics</a>: for operators</li>
</ul>
</html>
"""
_ONLY_FROM_HERE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'"


async def show_page(_: Request) -> HTMLResponse:
    """Answer GET /."""
    return HTMLResponse(PAGE, headers={"content-security-policy": _ONLY_FROM_HERE})
