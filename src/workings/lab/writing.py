"""Writing on: new tokens as they come, for as long as somebody listens."""

from __future__ import annotations

from typing import Any

from workings.engine.generation import Sampling
from workings.lab.answers import Answers
from workings.lab.asked import Query

MOST_TOKENS = 1000
USUAL_TOKENS = 40


class Writing:
    """One continuation of a view. Each token is worked out under the lock of the view's trace, which it grows from."""

    def __init__(self, answers: Answers, query: Query) -> None:
        temperature, seed = query.number("temperature", 0.0), query.whole("seed", -1)
        most = query.whole("most", USUAL_TOKENS, most=MOST_TOKENS)
        self.answers, self.view = answers, answers.views.view(query.text("view"))
        self.asker = query.asker
        self.ids, self.most, self.stopped = list(self.view.ids), most, ""
        self._said = answers.text(self.ids)
        sampling = Sampling(temperature, seed=seed if seed >= 0 else None)
        with answers.views.working(self.view) as (trace, session):
            self._lock = session.lock  # what is written shares memory with the trace it grows from
            self._new_ids = answers.model.new_ids(trace, most, sampling)

    def next(self) -> dict[str, Any] | None:
        """The next token, or None when there is none; then `stopped` says why."""
        self.asker.check()
        with self._lock:
            token_id = next(self._new_ids, None)
        if token_id is None:
            self.stopped = self._why()
            return None
        self.ids.append(token_id)
        whole = self.answers.text(self.ids)
        text, self._said = whole[len(self._said) :], max(whole, self._said, key=len)
        return {"id": token_id, "text": text, "readable": self.answers.readable(token_id), "ids": self.ids}

    def _why(self) -> str:
        if len(self.ids) - len(self.view.ids) == self.most:
            return "that is as many tokens as were asked for"
        if len(self.ids) == self.answers.model.config.n_ctx:
            return f"this model reads at most {len(self.ids)} tokens"
        return "the model ended the text"
