//! A pattern's search through a body that comes in pieces, so that a body of any size needs no memory: an automaton
//! reads each byte once. What such an automaton cannot decide (`\b` between letters beyond ASCII) is searched in a
//! body that is kept, which has a bound. Pure.

use std::fmt;
use std::sync::Arc;

use regex_automata::Anchored;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::util::syntax;

/// What an automaton may remember while it runs, in bytes: what does not fit is worked out again.
const CACHE: usize = 1 << 20;

/// What is searched for.
#[derive(Clone)]
pub struct BodyPattern {
    /// Stands for it in what was found.
    key: Arc<str>,
    automaton: Arc<DFA>,
}

/// A search under way.
pub struct BodySearch {
    pattern: BodyPattern,
    cache: Box<Cache>,
    state: SearchState,
}

#[derive(Clone, Copy)]
enum SearchState {
    /// Nothing was read yet.
    Begin,
    At(LazyStateID),
    Over(bool),
}

impl BodyPattern {
    /// An automaton for `source`, known as `key`; `None` where none can decide it.
    pub fn new(key: String, source: &str, flags: syntax::Config) -> Option<Self> {
        let config = Config::new()
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true);
        let automaton = DFA::builder()
            .syntax(flags.utf8(false))
            .thompson(
                thompson::Config::new()
                    .utf8(false)
                    .nfa_size_limit(Some(10 << 20)),
            )
            .configure(config)
            .build(source)
            .ok()?;
        Some(Self {
            key: key.into(),
            automaton: Arc::new(automaton),
        })
    }

    /// Begins to search.
    pub fn search(&self) -> BodySearch {
        BodySearch {
            cache: Box::new(self.automaton.create_cache()),
            state: SearchState::Begin,
            pattern: self.clone(),
        }
    }
}

impl BodySearch {
    /// Reads the next `piece`.
    pub fn take(&mut self, piece: &[u8]) {
        let automaton = &self.pattern.automaton;
        let mut at = match self.state {
            SearchState::Over(_) => return,
            SearchState::At(at) => Some(at),
            SearchState::Begin => {
                let start = start::Config::new().anchored(Anchored::No);
                automaton.start_state(&mut self.cache, &start).ok()
            }
        };
        for &byte in piece {
            let next = at.and_then(|at| automaton.next_state(&mut self.cache, at, byte).ok());
            match next {
                Some(state) if !state.is_tagged() || state.is_start() => at = next,
                Some(state) if state.is_match() => return self.state = SearchState::Over(true),
                // dead, or beyond what it can decide
                _ => return self.state = SearchState::Over(false),
            }
        }
        self.state = at.map_or(SearchState::Over(false), SearchState::At);
    }

    /// That nothing comes any more: what was searched for, and whether it was found.
    pub fn end(mut self) -> (String, bool) {
        self.take(&[]);
        let automaton = &self.pattern.automaton;
        let found = match self.state {
            SearchState::Over(found) => found,
            SearchState::At(at) => automaton
                .next_eoi_state(&mut self.cache, at)
                .is_ok_and(|state| state.is_match()),
            SearchState::Begin => false,
        };
        (self.pattern.key.to_string(), found)
    }
}

impl fmt::Debug for BodyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodyPattern").field(&self.key).finish()
    }
}

impl PartialEq for BodyPattern {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for BodyPattern {}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::super::scan::Scanner;

    fn pattern(text: &str) -> Pattern {
        let mut scan = Scanner::new(text).expect("short");
        Pattern::parse(&mut scan).expect("a pattern")
    }

    #[test]
    fn pieces_are_searched_as_the_whole_is() {
        let texts = [
            "",
            "a",
            "ok",
            "one\ntwo ok\nthree",
            "state: UP\r\nall fine",
            "prefix fine",
            "caf\u{e9} na\u{ef}ve \u{1f600}",
            "aaaaaaaaaaaaaaaaaaaab",
            "\u{0}\u{1}x",
        ];
        for text in [
            "/ok/",
            "/OK/i",
            "/^ok$/",
            "/^three$/m",
            "/ok$/m",
            "/\\Aone/",
            "/fine\\z/",
            "/state: (UP|DOWN)/",
            "/two.*three/",
            "/two.*three/s",
            "/na.ve/",
            "/\\p{L}{4}/",
            "/^$/",
            "/a{20}b/",
            "/(?-u:\\bfine\\b)/",
            "/[^a]/",
            "/x*/",
        ] {
            let pattern = pattern(text);
            let streamed = pattern.streamed().expect("an automaton");
            for body in texts {
                for step in [1, 2, 3, 7, 100] {
                    let mut search = streamed.search();
                    body.as_bytes()
                        .chunks(step)
                        .for_each(|one| search.take(one));
                    let expected = (pattern.to_string(), pattern.is_match(body.as_bytes()));
                    assert_eq!(search.end(), expected, "{text} in {body:?} by {step}");
                }
            }
        }
    }

    #[test]
    fn word_boundaries_beyond_ascii_need_the_body() {
        assert!(pattern("/\\bok\\b/").streamed().is_none());
        assert!(pattern("/(?-u:\\b)ok/").streamed().is_some());
    }
}
