"""What stands beside an edit is what the model says without it and with it: numbers that are its own, and the tokens that it read."""

from __future__ import annotations

from browsing import STUDENT, Visit


def percent(share: float) -> str:
    return "> 99.9%" if 0.9995 < share < 1 else "< 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def test_a_bar_has_the_share_before_of_a_token_that_was_not_among_the_likeliest(visit: Visit) -> None:
    visit.type_sentence("Mike is a")
    shares = visit.lab.model.trace("Mike is a")["probabilities"][-1]
    unlikely = int((-shares).argsort()[12])
    visit.go(f"logits[2, {unlikely}]")
    visit.edit("20")
    bar = visit.page.locator(".next-bars .bar").first
    assert f", before {percent(shares[unlikely])}: see" in str(bar.get_attribute("aria-label"))
    width = bar.locator(".ghost").evaluate("ghost => ghost.style.width")
    assert abs(float(width.rstrip("%")) - 100 * shares[unlikely]) < 0.01


def test_with_an_edited_token_id_the_text_after_begins_with_what_the_model_read(visit: Visit) -> None:
    visit.type_sentence(STUDENT)
    model = visit.lab.model
    visit.go("ids[2]")
    visit.edit(str(model.tokenizer.token_id(" Jedi")))
    visit.show("compare")
    visit.page.wait_for_selector(".compare-view .written > div + div")
    before, after = visit.words(".compare-view .written dd")
    assert before == (STUDENT + model.generate(STUDENT, max_new_tokens=12)[len(STUDENT) :]).strip()
    read = "The student Jedi up his"
    assert after == model.generate(read, max_new_tokens=12).strip()


def test_a_likely_token_is_added_to_the_sentence_and_not_to_what_an_edit_made_of_it(visit: Visit) -> None:
    visit.type_sentence(STUDENT)
    model = visit.lab.model
    visit.go("ids[2]")
    visit.edit(str(model.tokenizer.token_id(" Jedi")))
    visit.page.locator(".next-bars .add").first.click()
    visit.settled()
    assert len(visit.words(".chip")) == 6 and visit.words(".chip")[2].endswith("Jedi")
    visit.page.click("text=Take all out")
    visit.settled()
    assert visit.words(".chip")[2].endswith("picked")


def test_a_row_of_shares_that_was_edited_is_not_said_to_add_up_to_1(visit: Visit) -> None:
    visit.go("probabilities[4, 5]")
    told = "The share of every token of the vocabulary as the next one. Each row adds up to 1."
    assert told in visit.words(".workings-body p") and told in visit.words(".numbers .sentence")
    visit.edit("0.9")
    visit.go("probabilities[4, 6]")
    told += " A row that you edited need not."
    visit.wait("told => document.querySelector('.numbers .sentence').innerText === told", told)
    assert told in visit.words(".workings-body p")
