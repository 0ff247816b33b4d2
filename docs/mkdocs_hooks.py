"""Adapt the pages to the site: the mermaid picture as an SVG, and escaped bars in tables.

GitHub draws mermaid blocks itself. On the site a browser would have to load mermaid from another
host, so docs/images/architecture.svg is committed. It carries the hash of the text that it was
drawn from; the build fails when the text has changed. To draw it again, paste the text into any
mermaid renderer, save the SVG, and run `python docs/mkdocs_hooks.py DRAWN.svg`.
"""

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
PAGE, PICTURE = DOCS / "architecture.md", DOCS / "images" / "architecture.svg"
CODE_IN_LINE = re.compile(r"<code>[^<]*</code>")
BLOCK = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)


def mark_of(text: str) -> str:
    """Return the comment that ties a picture to the mermaid text it was drawn from."""
    return (
        f"<!-- drawn from mermaid text with sha256 {hashlib.sha256(text.encode()).hexdigest()} -->"
    )


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mermaid block by the picture.

    Raises:
        ValueError: If the picture was drawn from another text.
    """
    return BLOCK.sub(_picture, markdown)


def on_page_content(html: str, **_: Any) -> str:
    r"""Show `\|` in the code of a table cell as `|`, as GitHub does; Python-Markdown keeps both."""
    return CODE_IN_LINE.sub(lambda code: code[0].replace(r"\|", "|"), html)


def _picture(block: re.Match[str]) -> str:
    if mark_of(block[1]) not in PICTURE.read_text():
        raise ValueError(
            f"{PICTURE.name} is not the picture of {PAGE.name}: draw it again, see {__file__}"
        )
    return f"![The rooms of the package and the direction of imports](images/{PICTURE.name})"


if __name__ == "__main__":
    (text,) = BLOCK.findall(PAGE.read_text())
    PICTURE.write_text(f"{Path(sys.argv[1]).read_text().rstrip()}\n{mark_of(text)}\n")
