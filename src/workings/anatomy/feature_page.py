"""All features of a sparse autoencoder on one page that can be searched: a file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from workings.anatomy.feature_cards import FeatureCard
from workings.checkpoints.files import said_of, write_whole
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.display import parts
from workings.display.words import count
from workings.errors import InputError

STYLE = """
body { margin: 0; background: Canvas } main { max-width: 66rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
.asked { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; margin: 1rem 0; position: sticky; top: 0; padding: .6rem 0; background: Canvas; z-index: 1 }
.asked input { flex: 1 1 18rem; font: inherit; padding: .45rem .6rem } .asked select { font: inherit; padding: .4rem }
.card { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: .5rem; padding: .7rem 1rem; margin: .7rem 0 }
.card h2 { font-size: 1rem; margin: 0 0 .2rem } .card h2 small { font-weight: 400; opacity: .7; margin-left: .6rem }
.card .tokens-of { font-size: .86rem; margin: .4rem 0 0 } .card .tokens-of b { font-weight: 500 }
"""


def write_feature_page(sae: SparseAutoencoder, cards: Iterable[FeatureCard], path: str | Path, about: str = "") -> None:
    """Write a page of all cards, to search by label, by tokens and by number; nothing is fetched from elsewhere.

    `about` is a sentence on where the examples come from. Raises `InputError` for no cards, and where the file cannot be written.
    """
    page = feature_page(sae, list(cards), about).encode()
    with said_of(Path(path)):
        write_whole(Path(path), page)


def feature_page(sae: SparseAutoencoder, cards: list[FeatureCard], about: str = "") -> str:
    """The page as HTML."""
    if not cards:
        raise InputError("there are no cards to show; look at features first (feature_cards)")
    title = f"What {count(sae.config.d_sae, 'feature')} of {sae.config.table} stand for"
    return parts.page(
        title,
        parts.bare(
            f'<p class="title">{escape(title)}</p>',
            parts.paragraph(
                "A feature is a direction that the model's numbers may point in. Below each: texts in which it fires, the more strongly "
                "the stronger the shade; the words that it speaks for; the words that it speaks against. " + about
            ),
            parts.paragraph(
                "Examples show when a feature fires, not what the model does with it: to know that, change it and see what follows."
            ),
            '<form class="asked" role="search" onsubmit="return false"><input type="search" aria-label="Search features" '
            'placeholder="Search: a word, a label, a number"><select aria-label="Order">'
            '<option value="number">by number</option><option value="density">most often first</option>'
            '<option value="largest">strongest first</option></select><span class="soft" role="status"></span></form>',
            '<div class="cards"></div><button type="button" class="more">Show more</button>',
            "<noscript><p>Searching and showing the features takes JavaScript, which is switched off here.</p></noscript>",
        ),
        f'<script type="application/json" id="cards">{_data(cards)}</script>\n<script>{_script()}</script>\n',
        style=STYLE,
    )


def _data(cards: list[FeatureCard]) -> str:
    import orjson

    rows: list[dict[str, Any]] = [card.to_dict() for card in cards]
    # What stands in a script element must not look like its end.
    return orjson.dumps(rows).decode().replace("<", "\\u003c")


def _script() -> str:
    return resources.files("workings.anatomy").joinpath("feature_page.js").read_text(encoding="utf-8")
