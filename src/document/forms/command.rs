//! From the words of a command to the join it asks for: `kubeadm join`, `k0s worker`, `k0s install worker`.
//! Understood whole or refused by the word it stopped at: half of a join command is another join.

use super::shell::Word;
use crate::document::{NodeName, Pin, ServerUrl};
use crate::secret::{Secret, SecretBytes};
use crate::yaml::Fault;

/// What a join command asks for. Its expiry it never says.
#[derive(Debug)]
pub(in crate::document) struct JoinCommand {
    /// The token.
    pub(in crate::document) token: TokenIn,
    /// The API server, where the token does not bring it.
    pub(in crate::document) server: Option<ServerUrl>,
    /// By what the cluster is recognized.
    pub(in crate::document) pins: Vec<Pin>,
    /// The node's name.
    pub(in crate::document) node: Option<NodeName>,
    /// Why only a shell could tell whether it runs, where that is so.
    pub(in crate::document) doubt: Option<Box<Fault>>,
}

/// Where a command has its token.
#[derive(Debug)]
pub(in crate::document) enum TokenIn {
    /// Among its words.
    Text(Secret),
    /// In this file.
    File(String),
}

impl TokenIn {
    /// The token that is the content of a file.
    pub(super) fn text(content: &SecretBytes) -> Self {
        TokenIn::Text(Secret::new(String::from_utf8_lossy(content).trim().to_owned()))
    }
}

/// What a command is.
pub(super) enum Understood {
    /// None of ours.
    Nothing,
    /// One that joins, and what it is called.
    Join(&'static str, JoinCommand),
    /// One that joins, and has something in it that is not understood; says what.
    NotWhole(String),
    /// A shell that is given this text.
    Shell(String),
}

const KUBEADM: &str = "kubeadm join";
const K0S: &str = "k0s worker";
const K0S_INSTALL: &str = "k0s install worker";

/// What may stand before a command without changing what it does.
const BEFORE: [&str; 15] = [
    "if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "exec", "sudo", "command",
    "nohup", "env",
];

pub(super) fn understand(words: &[Word]) -> Understood {
    let mut words = words;
    let mut before = false;
    while let [first, rest @ ..] = words {
        let word = plain(first);
        // Flags of what stands before, as in sudo -E.
        let belongs = BEFORE.contains(&word) || is_assignment(word) || (before && word.starts_with('-'));
        if !belongs {
            break;
        }
        before = true;
        words = rest;
    }
    let [name, rest @ ..] = words else { return Understood::Nothing };
    let name = plain(name).rsplit('/').next().unwrap_or_default();
    let whole = |command, join: Result<JoinCommand, String>| {
        join.map_or_else(Understood::NotWhole, |join| Understood::Join(command, join))
    };
    match (name, rest) {
        ("kubeadm", [verb, rest @ ..]) if plain(verb) == "join" => whole(KUBEADM, kubeadm(rest)),
        ("k0s", [verb, rest @ ..]) if plain(verb) == "worker" => whole(K0S, k0s(K0S, rest)),
        ("k0s", [verb, role, rest @ ..]) if plain(verb) == "install" && plain(role) == "worker" => {
            whole(K0S_INSTALL, k0s(K0S_INSTALL, rest))
        }
        ("sh" | "bash" | "dash", [flags, text, ..]) if is_command_flag(plain(flags)) && text.literal => {
            Understood::Shell(text.text.expose().to_owned())
        }
        _ => Understood::Nothing,
    }
}

/// A word that may be shown: a plain one of lower-case letters, or the name of a flag. Tokens, paths and
/// values are not shown.
pub(super) fn shown(word: &Word) -> String {
    let text = word.text.expose();
    let text = if text.starts_with('-') { text.split('=').next().unwrap_or_default() } else { text };
    let name = text.trim_start_matches('-');
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let short = name.split('-').all(|part| part.len() < 16);
    if letters && short && !name.is_empty() && text.len() <= 48 {
        text.to_owned()
    } else {
        "a word that is not shown".to_owned()
    }
}

/// kubeadm's flags that belong to a worker (kubernetes `cmd/kubeadm/app/cmd/join.go`).
fn kubeadm(words: &[Word]) -> Result<JoinCommand, String> {
    const COMMAND: &str = KUBEADM;
    let (mut server, mut node, mut pins) = (None, None, Vec::new());
    let mut tokens: [Option<Secret>; 3] = [None, None, None];
    let no_address = || format!("{COMMAND}: expected HOST:PORT of an API server");
    let mut arguments = Arguments { command: COMMAND, words };
    while let Some(argument) = arguments.next()? {
        match argument {
            Argument::Word(address) => {
                let url = (!address.contains('/')).then(|| ServerUrl::parse(&format!("https://{address}")));
                let url = url.and_then(Result::ok).ok_or_else(no_address)?;
                once(&mut server, url, COMMAND, "HOST:PORT")?;
            }
            Argument::Flag(flag) => match flag.name {
                "--token" => once(&mut tokens[0], secret(arguments.value(flag)?), COMMAND, flag.name)?,
                "--discovery-token" => {
                    once(&mut tokens[1], secret(arguments.value(flag)?), COMMAND, flag.name)?
                }
                "--tls-bootstrap-token" => {
                    once(&mut tokens[2], secret(arguments.value(flag)?), COMMAND, flag.name)?
                }
                "--discovery-token-ca-cert-hash" => {
                    for pin in arguments.value(flag)?.split(',') {
                        pins.push(
                            Pin::parse(pin).map_err(|what| format!("{COMMAND}: {}: {what}", flag.name))?,
                        );
                    }
                }
                "--node-name" => {
                    let name = NodeName::parse(arguments.value(flag)?);
                    let name = name.map_err(|what| format!("{COMMAND}: {}: {what}", flag.name))?;
                    once(&mut node, name, COMMAND, flag.name)?;
                }
                // How much kubeadm would say.
                "-v" | "--v" => drop(arguments.value(flag)?),
                _ => return Err(stopped(COMMAND, flag.word)),
            },
        }
    }
    if pins.is_empty() {
        return Err(format!(
            "{COMMAND}: expected --discovery-token-ca-cert-hash: without it any server could answer"
        ));
    }
    let mut given = tokens.into_iter().flatten();
    let token = given.next().ok_or_else(|| format!("{COMMAND}: expected --token"))?;
    if given.any(|other| other.expose() != token.expose()) {
        return Err(format!("{COMMAND}: expected one token for everything; there are two"));
    }
    let server = server.ok_or_else(no_address)?;
    Ok(JoinCommand { token: TokenIn::Text(token), server: Some(server), pins, node, doubt: None })
}

/// k0s's flags that say where the token is (k0s `cmd/worker/worker.go`).
fn k0s(command: &'static str, words: &[Word]) -> Result<JoinCommand, String> {
    let mut token = None;
    let mut arguments = Arguments { command, words };
    while let Some(argument) = arguments.next()? {
        let found = match argument {
            Argument::Word(text) => TokenIn::Text(secret(text)),
            Argument::Flag(flag) if flag.name == "--token-file" => {
                TokenIn::File(arguments.value(flag)?.to_owned())
            }
            Argument::Flag(flag) => return Err(stopped(command, flag.word)),
        };
        once(&mut token, found, command, "a token")?;
    }
    let token = token.ok_or_else(|| format!("{command}: expected a token or --token-file"))?;
    Ok(JoinCommand { token, server: None, pins: Vec::new(), node: None, doubt: None })
}

/// The words behind a command, each to be understood.
struct Arguments<'a> {
    command: &'static str,
    words: &'a [Word],
}

enum Argument<'a> {
    Word(&'a str),
    Flag(Flag<'a>),
}

#[derive(Clone, Copy)]
struct Flag<'a> {
    word: &'a Word,
    name: &'a str,
    value: Option<&'a str>,
}

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Result<Option<Argument<'a>>, String> {
        let Some(word) = self.take()? else { return Ok(None) };
        let text = word.text.expose();
        if !text.starts_with('-') {
            return Ok(Some(Argument::Word(text)));
        }
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        Ok(Some(Argument::Flag(Flag { word, name, value })))
    }

    fn value(&mut self, flag: Flag<'a>) -> Result<&'a str, String> {
        if let Some(value) = flag.value {
            return Ok(value);
        }
        let word = self.take()?;
        word.map(|word| word.text.expose())
            .ok_or_else(|| format!("{}: expected a value after {}", self.command, flag.name))
    }

    fn take(&mut self) -> Result<Option<&'a Word>, String> {
        let [word, rest @ ..] = self.words else { return Ok(None) };
        self.words = rest;
        if !word.literal {
            return Err(format!("{}: stopped at a word that only a shell could expand", self.command));
        }
        Ok(Some(word))
    }
}

fn stopped(command: &str, word: &Word) -> String {
    format!("{command}: stopped at {}, which is not understood", shown(word))
}

fn once<T>(slot: &mut Option<T>, value: T, command: &str, what: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{command}: expected {what} once")),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn plain(word: &Word) -> &str {
    if word.literal { word.text.expose() } else { "" }
}

/// `-c`, alone or among other letters.
fn is_command_flag(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|letters| {
        letters.contains('c') && letters.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
