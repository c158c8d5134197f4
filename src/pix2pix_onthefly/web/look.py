"""How the page looks. Nothing of it comes from elsewhere: the fonts are those of the visitor's system."""

from __future__ import annotations

from typing import Any

import gradio as gr

TITLE = "Pix2Pix-OnTheFly"


def theme() -> Any:
    """Colours and fonts, for light and dark."""
    return gr.themes.Default(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


CSS = """
.gradio-container { max-width: 1280px !important; margin: 0 auto !important; }
#heading h1 { margin: 0; }
#heading p { margin: 0; color: var(--body-text-color-subdued); }
.notice { border-left: 4px solid #d97706; background: color-mix(in srgb, #d97706 12%, transparent);
  padding: .5rem .75rem; margin: .25rem 0; border-radius: 4px; color: var(--body-text-color); }
.notice.error { border-left-color: #dc2626; background: color-mix(in srgb, #dc2626 12%, transparent); }
.notice.question { border: 0; background: none; padding: 0; font-weight: 600; }
.stage, .done { display: block; font-size: var(--text-sm); color: var(--body-text-color); }
.stage progress { display: block; width: 100%; height: .6rem; accent-color: var(--primary-500); }
#question { border: 2px solid var(--primary-500); border-radius: var(--block-radius); padding: .75rem; }
#slider img { object-fit: contain !important; }
#pictures .grid-wrap, #candidates .grid-wrap, #history .grid-wrap { height: auto !important; min-height: 0 !important; }
#pictures .grid-container, #candidates .grid-container, #history .grid-container { margin-top: 1.75rem; }
:focus-visible { outline: 3px solid var(--primary-500) !important; outline-offset: 1px; }
footer { display: none !important; }
@media (max-width: 767px) {
  .gradio-container { padding: .5rem !important; }
  #columns { flex-direction: column; flex-wrap: nowrap; }
  #columns > *, #asking > * { min-width: 0 !important; max-width: 100%; flex-grow: 0 !important; }
  #asking { display: contents !important; }
  #shown { order: 1; }
  #pictures .grid-container, #candidates .grid-container, #history .grid-container {
    grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)) !important;
  }
  #brush_box, #settings, #examples { order: 2; }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
"""
