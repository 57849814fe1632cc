from benchmarks.history import TURNS, fill
from storage import adapters, cycles, feedback, insight, transcripts
from storage.database import Database


def test_a_history_holds_what_a_service_and_its_trainings_would_have_left(
    database: Database,
) -> None:
    database.write(lambda s: fill(s, 200, 50))
    with database.read() as session:
        assert sum(one.answers for one in insight.likings(session)) == 100
        assert feedback.counts(session).ratings == 50
        served = adapters.served(session)
        last = cycles.last(session)
        assert last is not None
        assert last.version == served
        assert {"calibration", "slices", "auc"} <= set(last.reward or {})
        transcript = next(transcripts.read_rated(session))
        assert len(transcript.messages) == 2 * TURNS
        assert len(transcript.prompt(transcript.answers()[-1])) == 2 * TURNS - 1
