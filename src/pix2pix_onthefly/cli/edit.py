"""The command `edit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..pictures.standard_streams import is_dash
from .arguments import (
    AfterTexts,
    AsJson,
    Ask,
    BeforeTexts,
    CaptionText,
    Compare,
    DirectionFile,
    EveryCandidate,
    GoldPicture,
    Instruction,
    LikePicture,
    MaskFile,
    MethodName,
    NewDirectionFile,
    NewMaskFile,
    NoMetadata,
    OutputFile,
    Overwrite,
    PictureFile,
    PresetName,
)
from .candidates import Targets, check_targets
from .console import ask_user, complain, progress_display, say_json, say_rows, telling_of
from .flags import MODEL_FLAGS, edit_flags, settings
from .loading import load_editor
from .requests import EditRequest, check_direction_target

if TYPE_CHECKING:
    from PIL import Image

    from ..editor import Editor
    from ..options import EditOptions
    from ..pictures.opening import OpenedPicture
    from ..records import Conditioning, EditCaptions, EditResult


@settings(changes=edit_flags(), models=MODEL_FLAGS)
def edit(
    image: PictureFile,
    instruction: Instruction = "",
    output: OutputFile = None,
    caption: CaptionText = None,
    before: BeforeTexts = None,
    after: AfterTexts = None,
    method: MethodName = None,
    preset: PresetName = None,
    like: LikePicture = None,
    ask: Ask = False,
    compare: Compare = False,
    gold: GoldPicture = None,
    mask: MaskFile = None,
    show_mask: NewMaskFile = None,
    every: EveryCandidate = False,
    as_json: AsJson = False,
    overwrite: Overwrite = False,
    no_metadata: NoMetadata = False,
    direction: DirectionFile = None,
    save_direction: NewDirectionFile = None,
    *,
    changes: dict[str, Any],
    models: dict[str, Any],
) -> None:
    """Edit a picture as an instruction says.

    Several candidates go to NAME-1.png and so on; with --best only the best is saved, as NAME.png.
    """
    from ..pictures import saving
    from ..pictures.opening import read_picture

    opened, true = read_picture(image), None if gold is None else read_picture(gold).image
    if true is not None and not compare:
        raise OptionError("--gold is shown by --compare; give both, or leave it out")
    limits = _mask_for(opened, mask)
    texts = (tuple(before or ()), tuple(after or ()))
    request = EditRequest(instruction, caption, *texts, direction, method, preset, changes, models, mask=mask)
    if like is not None:
        recipe = saving.read_recipe(like)
        request = request.like(recipe, like.name, same_picture=_is_same(recipe, opened.image, image))
    check_direction_target(save_direction, request, overwrite=overwrite)
    options = request.options()
    targets = check_targets(
        output or default_output(image, "edited"),
        show_mask,
        options,
        compare=compare,
        every=every,
        masked=mask is not None,
        overwrite=overwrite,
    )
    towards = _direction_of(request)
    editor = load_editor(request.models, request.roles)
    asked = ask and request.wants_captions
    captions = ask_back(editor, opened.image, request, options) if asked else None
    result = _edited(editor, opened, request, options, towards, captions, limits)
    results = (result, *result.others)
    recipes = [_recipe(one, request, image) for one in results]
    pictures = [_compared(opened.image, results, true)] if compare else [one.image for one in results]
    carried = [None] * len(results) if no_metadata else recipes
    masks = targets.masks_of(results)
    saving.save_all(
        [*zip(pictures, targets.pictures, carried, strict=False), *masks],  # as many as there are targets
        overwrite=overwrite,
    )
    if save_direction is not None:
        _save_direction(editor, result, save_direction)
    with telling_of(*targets.pictures):
        _tell(results, recipes[0], targets, opened, as_json=as_json)


def default_output(image: Path, what: str) -> Path:
    """Where a picture goes if nothing is said: into this folder, beside standard input to standard output."""
    return image if is_dash(image) else Path(f"{image.stem}-{what}.png")


def _mask_for(opened: OpenedPicture, path: Path | None) -> Image.Image | None:
    """The user's mask, which is sure to belong to the picture."""
    if path is None:
        return None
    from ..pictures.masks import check_mask, mask_of

    mask = mask_of(path)
    check_mask(mask, opened.image)
    return mask


def _is_same(recipe: dict[str, object], picture: Image.Image, path: Path) -> bool:
    """Whether a recipe's edit started from a picture; older recipes tell only the name of its file."""
    from ..pictures.digest import picture_digest

    known = recipe.get("source_sha256")
    return known == picture_digest(picture) if known is not None else recipe.get("source") == path.name


def _direction_of(request: EditRequest) -> Conditioning | None:
    if request.direction is None:
        return None
    from ..methods.direction import load_direction

    return load_direction(request.direction)


def ask_back(editor: Editor, picture: Image.Image, request: EditRequest, options: EditOptions) -> EditCaptions:
    """The language model's captions, after the user has answered the question that the instruction leaves open, if it
    does (paper section 7).

    Raises:
        InputError, NotUnderstoodError: no answer, or nothing was understood.
    """
    with progress_display() as progress:
        told = request.instruction if options.caption_for_instruction else None
        caption = request.caption
        if caption is None and not options.rewriting.sees_picture:
            caption = editor.describe(picture, told, options=options, progress=progress)
        asked: dict[str, Any] = {"options": options, "picture": picture}
        captions = editor.rewrite(request.instruction, caption, **asked, progress=progress)
    if captions.question:
        answer = ask_user(captions.question, captions.candidates)
        with progress_display() as progress:
            captions = editor.rewrite(request.instruction, caption, **asked, answer=answer, progress=progress)
    return captions


def _edited(
    editor: Editor,
    opened: OpenedPicture,
    request: EditRequest,
    options: EditOptions,
    direction: Conditioning | None,
    captions: EditCaptions | None,
    mask: Image.Image | None,
) -> EditResult:
    from ..running.jobs import given_captions

    given = given_captions(request.before, request.after, kind=request.kind)
    with progress_display() as progress:
        return editor.edit(
            opened,
            request.instruction,
            options=options,
            caption=request.caption,
            captions=captions or given,
            direction=direction,
            mask=mask,
            progress=progress,
        )


def _recipe(result: EditResult, request: EditRequest, source: Path) -> dict[str, object]:
    """What the picture carries: of files only their names, for folders tell about their owner."""
    recipe = {**result.recipe(), "source": source.name}
    if request.record is not None:  # tells more than that these captions were given
        recipe["captions"] = request.record
    if request.direction is not None:
        recipe["direction"] = request.direction.name
    if request.mask is not None:
        recipe["mask"] = request.mask.name
    return recipe


def _compared(picture: Image.Image, results: Sequence[EditResult], gold: Image.Image | None) -> Image.Image:
    """Original, reconstruction, every candidate, what the first was held to and, where there is one, the true result
    (paper Fig. 7)."""
    from ..pictures.side_by_side import side_by_side

    first, several = results[0], len(results) > 1
    shown = {"original": picture}
    if first.reconstruction is not None:
        shown[f"reconstruction ({first.reconstruction_psnr:.1f} dB)"] = first.reconstruction
    for number, one in enumerate(results, 1):
        shown[f"edit {number} (seed {one.options.seed})" if several else "edit"] = one.image
    if first.mask is not None:
        shown["mask of edit 1" if several else "mask"] = first.mask
    if gold is not None:
        shown["gold"] = gold
    return side_by_side(tuple(shown.values()), tuple(shown))


def _save_direction(editor: Editor, result: EditResult, path: Path) -> None:
    from ..methods.direction import edit_direction, save_direction

    before, after = result.captions.before, result.captions.after
    note = f"{' | '.join(before)} -> {' | '.join(after)}"
    with editor.models.using("diffusion") as backbone:
        save_direction(edit_direction(backbone, before, after), path, note)


def _tell(
    results: Sequence[EditResult], recipe: dict[str, object], targets: Targets, opened: OpenedPicture, *, as_json: bool
) -> None:
    first, pictures = results[0], targets.pictures
    aside = any(map(is_dash, (*pictures, *targets.masks)))  # a picture itself goes to standard output
    masks = [str(path) for path in targets.masks]
    if as_json:
        several = {"candidates": targets.as_plain(results)} if len(results) > 1 else {}
        say_json({**recipe, "output": str(pictures[0]), **several, **({"masks": masks} if masks else {})}, aside=aside)
    else:
        captions = first.captions
        rows = {"caption": first.caption, "before": captions.before, "after": captions.after, "picture": pictures}
        say_rows({**rows, **({"mask": masks} if masks else {})}, aside=aside)
    for warning in (*opened.warnings, *first.warnings):
        complain(f"Warning: {warning}")
