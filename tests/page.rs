//! nsx(7): every command of the page prints what the page says.

use crate::{
    engines::engine::Docker,
    support::{Cgroups, Host, Need, Session, Test, both, root},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(commands_of_any_user_print_what_the_page_says).needs([
            Need::Namespaces,
            Need::Kernel(5, 6),
            Need::Tool("ip"),
            Need::Tool("hostname"),
        ]),
        root(commands_of_root_print_what_the_page_says).needs([
            Need::Namespaces,
            Need::Tool("docker"),
            Need::Tool("ip"),
        ]),
    ]
}

/// A command of the page with its prompt, and the output that the page shows.
struct Example {
    prompt: char,
    command: String,
    output: String,
}

/// Reads the examples of a page: blocks between `.EX` and `.EE`, with commands in bold.
fn examples() -> Vec<Example> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/man/nsx.7");
    let page = std::fs::read_to_string(path).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    let blocks = page.split(".EX\n").skip(1);
    for block in blocks.map(|block| block.split(".EE\n").next().unwrap()) {
        for line in block.lines() {
            let line = plain(line);
            match line.split_once(' ') {
                Some((prompt @ ("$" | "#"), command)) => examples.push(Example {
                    prompt: prompt.chars().next().unwrap(),
                    command: command.to_owned(),
                    output: String::new(),
                }),
                _ => {
                    let example = examples.last_mut().unwrap();
                    example.output += &format!("{line}\n");
                }
            }
        }
    }
    examples
}

/// Returns a line as it is read, without what `groff_man(7)` needs.
fn plain(line: &str) -> String {
    line.replace("\\fB", "")
        .replace("\\fR", "")
        .replace("\\(aq", "'")
        .replace("\\-", "-")
        .replace("\\e", "\\")
}

/// Runs the examples with a prompt, and returns how many they are.
fn check(prompt: char, shell: impl Fn(&str) -> crate::support::Command) -> usize {
    let mut wrong = Vec::new();
    let mut count = 0;
    for example in examples().iter().filter(|it| it.prompt == prompt) {
        count += 1;
        let outcome = shell(&example.command).run();
        let output = String::from_utf8_lossy(&outcome.stdout);
        if output != example.output {
            wrong.push(format!(
                "{}\nthe page: {:?}\n{outcome}",
                example.command, example.output
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    count
}

fn commands_of_any_user_print_what_the_page_says(session: &Session) {
    assert!(check('$', |command| session.shell(command)) >= 18);
}

fn commands_of_root_print_what_the_page_says(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let _docker = Docker::start(&host);
    assert!(check('#', |command| host.shell(command)) >= 5);
}
