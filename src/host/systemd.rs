//! systemd, asked through its own tools. There is a manager only on the running machine and only when
//! systemd started it; everywhere else nothing is touched.

use super::process::{self, ProcessError};
use super::{files, root::Root};
use crate::failure::one_line;
use std::path::Path;
use std::time::Duration;

const SYSTEMCTL: &str = "/usr/bin/systemctl";
const ESCAPE: &str = "/usr/bin/systemd-escape";
const JOURNALCTL: &str = "/usr/bin/journalctl";
const DEADLINE: Duration = Duration::from_secs(20);

/// systemd of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Manager(());

/// A unit at one instant. The words are systemd's own (systemctl(1)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, `bad-setting`, ...
    pub load: String,
    /// `active`, `activating`, `failed`, `inactive`, ...
    pub active: String,
    /// `enabled`, `disabled`, `static`, ...; empty where there is no unit file.
    pub file: String,
    /// `running`, `auto-restart`, `dead`, ...
    pub sub: String,
    /// `success`, `exit-code`, `signal`, `start-limit-hit`, ...
    pub result: String,
    /// How often systemd restarted it by itself since it was last started.
    pub n_restarts: u32,
    /// The status its main process last ended with.
    pub exec_main_status: i32,
}

impl Manager {
    /// The manager, if the root is the machine and systemd runs it (sd_booted(3)).
    pub fn of(root: &Root) -> Option<Self> {
        (root.is_machine() && files::exists(Path::new("/run/systemd/system"))).then_some(Manager(()))
    }

    /// Has systemd read the unit files again.
    pub async fn daemon_reload(self) -> Result<(), ProcessError> {
        systemctl(&["daemon-reload"]).await.map(drop)
    }

    /// Has the unit started at every boot.
    pub async fn enable(self, unit: &str) -> Result<(), ProcessError> {
        systemctl(&["enable", "--quiet", "--", unit]).await.map(drop)
    }

    /// Has systemd do this to the unit; waits for it as systemctl does.
    pub async fn tell(self, words: &[&str], unit: &str) -> Result<(), ProcessError> {
        systemctl(&[words, &["--", unit]].concat()).await.map(drop)
    }

    /// Queues a restart and does not wait for it: waiting inside the boot transaction would deadlock.
    pub async fn restart_no_block(self, unit: &str) -> Result<(), ProcessError> {
        systemctl(&["restart", "--no-block", "--", unit]).await.map(drop)
    }

    /// Restarts it and waits for the end of its start, at most so long; the start goes on then.
    pub async fn restart(self, unit: &str, patience: Duration) -> Result<(), ProcessError> {
        let args = ["restart", "--", unit];
        process::run(Path::new(SYSTEMCTL), &args, patience).await.map(drop)
    }

    /// The name of the template's unit for this path.
    pub async fn instance(self, template: &str, path: &Path) -> Result<String, ProcessError> {
        let argument = format!("--template={template}");
        let path = path.to_string_lossy();
        let said = process::run(Path::new(ESCAPE), &[&argument, "--path", "--", &path], DEADLINE).await?;
        Ok(said.stdout.trim().to_owned())
    }

    /// Queues a start and does not wait for it.
    pub async fn start_no_block(self, unit: &str) -> Result<(), ProcessError> {
        systemctl(&["start", "--no-block", "--", unit]).await.map(drop)
    }

    /// How the unit is.
    pub async fn unit_state(self, unit: &str) -> Result<UnitState, ProcessError> {
        let properties = "LoadState,ActiveState,UnitFileState,SubState,Result,NRestarts,ExecMainStatus";
        Ok(parse_state(&systemctl(&["show", "-p", properties, "--", unit]).await?))
    }

    /// The last lines that the unit's processes wrote to the journal in this boot, oldest first.
    pub async fn journal_tail(self, unit: &str, lines: usize) -> Result<Vec<String>, ProcessError> {
        let (count, unit) = (lines.to_string(), format!("_SYSTEMD_UNIT={unit}"));
        let args = ["-b", "-q", "--no-pager", "-o", "cat", "-n", &count, &unit];
        let said = process::run(Path::new(JOURNALCTL), &args, DEADLINE).await?;
        Ok(said.stdout.lines().map(one_line).filter(|line| !line.is_empty()).collect())
    }
}

async fn systemctl(args: &[&str]) -> Result<String, ProcessError> {
    Ok(process::run(Path::new(SYSTEMCTL), args, DEADLINE).await?.stdout)
}

fn parse_state(text: &str) -> UnitState {
    let mut state = UnitState::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "LoadState" => state.load = value.to_owned(),
            "ActiveState" => state.active = value.to_owned(),
            "UnitFileState" => state.file = value.to_owned(),
            "SubState" => state.sub = value.to_owned(),
            "Result" => state.result = value.to_owned(),
            "NRestarts" => state.n_restarts = value.parse().unwrap_or(0),
            "ExecMainStatus" => state.exec_main_status = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let state = |load: &str, active: &str, sub: &str, result: &str, n_restarts, exec_main_status| {
            let [load, active, sub, result] = [load, active, sub, result].map(str::to_owned);
            UnitState { load, active, file: String::new(), sub, result, n_restarts, exec_main_status }
        };
        for (text, expected) in [
            (
                "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\n\
                 NRestarts=7\nExecMainStatus=255\n",
                state("loaded", "activating", "auto-restart", "exit-code", 7, 255),
            ),
            (
                "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\nNRestarts=0\n\
                 ExecMainStatus=0\n",
                state("not-found", "inactive", "dead", "success", 0, 0),
            ),
            ("NRestarts=\nExecMainStatus=[not set]\nNew=1\nno pair\n", state("", "", "", "", 0, 0)),
            ("", UnitState::default()),
        ] {
            assert_eq!(parse_state(text), expected, "{text}");
        }
    }

    #[test]
    fn there_is_no_manager_below_another_root() {
        let dir = tempfile::tempdir().unwrap();
        files::make_dirs(&dir.path().join("run/systemd/system"), 0o755).unwrap();
        assert!(Manager::of(&Root::new(dir.path().to_owned())).is_none());
    }
}
