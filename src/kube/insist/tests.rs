//! On a paused clock: it runs ahead whenever everybody waits, so that a minute takes no time and nothing
//! depends on how fast the machine is.

use super::*;
use crate::progress::WaitState;
use std::sync::Mutex;

const VERDICTS: Verdicts = Verdicts { unauthorized: Reason::TokenRefused, forbidden: Reason::Forbidden };
const SECOND: Duration = Duration::from_secs(1);

/// What is heard of the waits: state, number of the next attempt, and the last error.
#[derive(Default)]
struct Heard(Mutex<Vec<(WaitState, u32, String)>>);

impl Progress for Heard {
    fn waiting(&self, waiting: Waiting<'_>) {
        let error = waiting.last_error.unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((waiting.state, waiting.attempt, error));
    }
    fn note(&self, _: &str) {}
    fn warn(&self, _: &str) {}
}

/// One attempt that was made: after how long, and at which server (by its number).
type Attempt = (Duration, usize);

/// How a question ended.
struct Ended {
    result: Result<(), Failure>,
    after: Duration,
    attempts: Vec<Attempt>,
    heard: Vec<(WaitState, u32, String)>,
}

impl Ended {
    fn reason(&self) -> Option<Reason> {
        self.result.as_ref().err().map(|failure| failure.reason)
    }

    fn of(&self, server: usize) -> Vec<Duration> {
        self.attempts.iter().filter(|it| it.1 == server).map(|it| it.0).collect()
    }
}

fn servers(count: usize) -> Servers {
    let url = |number| ServerUrl::parse(&format!("https://203.0.113.{number}")).unwrap();
    Servers::new((0..count).map(url).collect())
}

/// Insists, at most for `patience`, where `answer` says what a server does at a time.
async fn ask(
    servers: &Servers,
    patience: Duration,
    answer: impl Fn(usize, Duration) -> Result<(), Trouble>,
) -> Ended {
    let (begin, heard, attempts) = (Instant::now(), Heard::default(), Mutex::new(Vec::new()));
    let patience = Patience { deadline: begin + patience, progress: &heard };
    let result = insist("asking", servers, VERDICTS, patience, async |server: &ServerUrl| {
        let number = servers.all().iter().position(|other| other == server).unwrap();
        let after = begin.elapsed();
        attempts.lock().unwrap().push((after, number));
        answer(number, after)
    })
    .await;
    let after = begin.elapsed();
    Ended { result, after, attempts: attempts.into_inner().unwrap(), heard: heard.0.into_inner().unwrap() }
}

fn trouble(kind: Kind) -> Result<(), Trouble> {
    Err(Trouble::new(kind, format!("{kind:?}")))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_answers_401_for_a_while() {
    let ended = ask(&servers(1), 600 * SECOND, |_, after| {
        if after < 25 * SECOND { trouble(Kind::Unauthorized) } else { Ok(()) }
    })
    .await;
    assert!(ended.result.is_ok());
    assert!(ended.after <= 30 * SECOND, "it is asked again no later than it would be believed");
}

#[tokio::test(start_paused = true)]
async fn what_is_final_from_every_server_and_when() {
    for (kinds, reason, after) in [
        (&[Kind::Unauthorized][..], Reason::TokenRefused, 30),
        (&[Kind::Unauthorized, Kind::Unauthorized], Reason::TokenRefused, 30),
        (&[Kind::Forbidden], Reason::Forbidden, 30),
        (&[Kind::Unsigned], Reason::DiscoveryUnsigned, 30),
        (&[Kind::Nonsense], Reason::ServerNonsense, 10),
        (&[Kind::Untrusted, Kind::Untrusted, Kind::Untrusted], Reason::TlsUntrusted, 0),
        (&[Kind::PinMismatch], Reason::DiscoveryFailed, 0),
        // Where they differ, the token is blamed last.
        (&[Kind::Unauthorized, Kind::Untrusted], Reason::TlsUntrusted, 30),
        (&[Kind::Unauthorized, Kind::Nonsense], Reason::ServerNonsense, 30),
        (&[Kind::Unauthorized, Kind::Forbidden], Reason::Forbidden, 30),
    ] {
        let ended = ask(&servers(kinds.len()), 600 * SECOND, |number, _| trouble(kinds[number])).await;
        assert_eq!(ended.reason(), Some(reason), "{kinds:?}");
        let latest = after * SECOND + SHORTEST_WAIT;
        assert!((after * SECOND..=latest).contains(&ended.after), "{kinds:?}: {:?}", ended.after);
        for server in 0..kinds.len() {
            let attempts = ended.of(server).len();
            assert!(if after == 0 { attempts == 1 } else { attempts > 1 }, "{kinds:?}: {attempts}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_never_final() {
    for (kinds, reason) in [
        (&[Kind::Connection][..], Reason::ServerUnreachable),
        (&[Kind::Handshake], Reason::ServerUnreachable),
        (&[Kind::Broken], Reason::ServerUnreachable),
        (&[Kind::Name], Reason::NameNotResolved),
        (&[Kind::Busy], Reason::ServerBusy),
        // One server that cannot be heard might say otherwise.
        (&[Kind::Unauthorized, Kind::Connection], Reason::ServerBusy),
        (&[Kind::Connection, Kind::Unauthorized], Reason::ServerBusy),
        (&[Kind::Forbidden, Kind::Busy], Reason::ServerBusy),
        (&[Kind::Untrusted, Kind::Connection], Reason::ServerUnreachable),
        (&[Kind::PinMismatch, Kind::Name], Reason::NameNotResolved),
        (&[Kind::Unsigned, Kind::Connection], Reason::DiscoveryUnsigned),
    ] {
        let ended = ask(&servers(kinds.len()), 120 * SECOND, |number, _| trouble(kinds[number])).await;
        assert_eq!(ended.reason(), Some(reason), "{kinds:?}");
        assert_eq!(reason.entry().exit, crate::reason::Exit::Temporary);
        assert!(ended.after > 120 * SECOND - LONGEST_WAIT && ended.after <= 120 * SECOND, "{kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_is_no_repetition_however_long_the_others_take() {
    let (servers, heard, asked) = (servers(3), Heard::default(), Mutex::new(0));
    let patience = Patience { deadline: Instant::now() + 600 * SECOND, progress: &heard };
    let refusal = insist("asking", &servers, VERDICTS, patience, async |server: &ServerUrl| {
        if *server == servers.all()[0] {
            *asked.lock().unwrap() += 1;
            return trouble(Kind::Unauthorized);
        }
        tokio::time::sleep(20 * SECOND).await;
        trouble(Kind::Untrusted)
    })
    .await;
    assert_eq!(refusal.unwrap_err().reason, Reason::TlsUntrusted);
    assert_eq!(*asked.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_little_time_condemns_nothing() {
    let ended = ask(&servers(1), 29 * SECOND, |_, _| trouble(Kind::Unauthorized)).await;
    assert_eq!(ended.reason(), Some(Reason::ServerBusy));
}

#[tokio::test(start_paused = true)]
async fn another_word_in_between_begins_the_count_anew() {
    let ended = ask(&servers(1), 600 * SECOND, |_, after| {
        let breaks_off = (20 * SECOND..36 * SECOND).contains(&after);
        trouble(if breaks_off { Kind::Busy } else { Kind::Unauthorized })
    })
    .await;
    assert_eq!(ended.reason(), Some(Reason::TokenRefused));
    assert!(ended.after >= 66 * SECOND, "{:?}", ended.after);
}

#[tokio::test(start_paused = true)]
async fn a_server_is_left_alone_for_as_long_as_it_asked() {
    let busy = |wish: u32| {
        let retry_after = Some(wish * SECOND);
        Err(Trouble { kind: Kind::Busy, text: "429".to_owned(), retry_after })
    };
    let ended =
        ask(&servers(1), 600 * SECOND, |_, after| if after.is_zero() { busy(40) } else { Ok(()) }).await;
    assert_eq!(ended.of(0), [Duration::ZERO, 40 * SECOND]);

    // The other one is asked meanwhile.
    let ended = ask(&servers(2), 100 * SECOND, |number, after| match number {
        0 if after < 40 * SECOND => busy(40),
        0 => Ok(()),
        _ => trouble(Kind::Connection),
    })
    .await;
    assert!(ended.result.is_ok());
    assert!(ended.of(0).len() == 2 && ended.of(0)[1] >= 40 * SECOND, "{:?}", ended.of(0));
    assert!(ended.of(1).len() > 5, "{:?}", ended.of(1));
    // A wish beyond the deadline is not waited out.
    let ended = ask(&servers(1), 30 * SECOND, |_, _| busy(60)).await;
    assert_eq!((ended.reason(), ended.after), (Some(Reason::ServerBusy), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_cut() {
    let heard = Heard::default();
    for (patience, after) in [(40, 40), (10, 10)] {
        let begin = Instant::now();
        let patience = Patience { deadline: begin + patience * SECOND, progress: &heard };
        let hang = async |_: &ServerUrl| std::future::pending::<Result<(), Trouble>>().await;
        let failure = insist("asking", &servers(1), VERDICTS, patience, hang).await.unwrap_err();
        assert_eq!(failure.reason, Reason::ServerUnreachable);
        assert!(begin.elapsed() <= after * SECOND, "{:?}", begin.elapsed());
        assert!(begin.elapsed() >= (after * SECOND).min(ONE_ATTEMPT));
        let line = failure.line();
        assert!(line.contains("https://203.0.113.0: no whole answer in "), "{line}");
    }
    // With time left, the next server gets its turn.
    let begin = Instant::now();
    let patience = Patience { deadline: begin + 600 * SECOND, progress: &heard };
    let servers = servers(2);
    let answer = insist("asking", &servers, VERDICTS, patience, async |server: &ServerUrl| {
        if *server == servers.all()[0] { std::future::pending().await } else { Ok(7) }
    })
    .await;
    assert_eq!((answer.unwrap(), begin.elapsed()), (7, ONE_ATTEMPT));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_asks_nobody() {
    let ended = ask(&servers(2), Duration::ZERO, |_, _| Ok(())).await;
    assert!(ended.attempts.is_empty());
    let failure = ended.result.unwrap_err();
    assert_eq!(failure.reason, Reason::ServerUnreachable);
    assert!(failure.line().contains("no time was left to ask it"), "{}", failure.line());
}

#[tokio::test(start_paused = true)]
async fn who_answered_last_is_asked_first() {
    let servers = servers(3);
    let ended =
        ask(&servers, 60 * SECOND, |number, _| if number == 1 { Ok(()) } else { trouble(Kind::Connection) })
            .await;
    assert_eq!(ended.attempts.iter().map(|it| it.1).collect::<Vec<_>>(), [0, 1]);
    let ended = ask(&servers, 60 * SECOND, |number, after| {
        if number == 0 && after > SECOND { Ok(()) } else { trouble(Kind::Connection) }
    })
    .await;
    assert_eq!(ended.attempts.iter().map(|it| it.1).take(6).collect::<Vec<_>>(), [1, 2, 0, 1, 2, 0]);
    let ended = ask(&servers, 60 * SECOND, |_, _| Ok(())).await;
    assert_eq!(ended.attempts, [(Duration::ZERO, 0)]);
}

#[tokio::test(start_paused = true)]
async fn every_wait_is_told() {
    let ended =
        ask(&servers(2), 20 * SECOND, |number, _| trouble([Kind::Connection, Kind::Busy][number])).await;
    assert!(ended.heard.len() > 3);
    let line = "asking: https://203.0.113.0: Connection; https://203.0.113.1: Busy";
    for (index, heard) in ended.heard.iter().enumerate() {
        // The state is that of the server that got furthest.
        assert_eq!(*heard, (WaitState::Server, index as u32 + 2, line.to_owned()));
    }
    let rounds = ended.heard.len() + 1;
    let failure = ended.result.unwrap_err().line();
    assert!(failure.contains(&format!("203.0.113.1: Busy ({rounds} times in ")), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn waits_grow_to_a_bound_and_are_jittered() {
    let station = || Station { last: Some(Trouble::new(Kind::Connection, "")), ..Station::default() };
    let now = Instant::now();
    for (round, ceiling_ms) in
        [(1, 250), (2, 500), (3, 1000), (4, 2000), (6, 8000), (7, 15_000), (20, 15_000), (u32::MAX, 15_000)]
    {
        let waits: Vec<Duration> =
            (0..200).map(|_| next_round(&[station()], round, now).duration_since(now)).collect();
        let (shortest, longest) = (*waits.iter().min().unwrap(), *waits.iter().max().unwrap());
        let ceiling = Duration::from_millis(ceiling_ms);
        assert!(shortest >= SHORTEST_WAIT && longest <= ceiling, "{round}: {shortest:?} to {longest:?}");
        // Of 200 draws none falling into a half of the range has a chance of 2^-199.
        let half = ceiling / 2;
        assert!(shortest < half && longest > half, "{round}: {shortest:?} to {longest:?}");
    }
}
