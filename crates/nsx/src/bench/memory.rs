//! The memory that the kernel itself uses.

use crate::error::Error;

/// The lines of `/proc/meminfo` that add up to the kernel's own memory, as far as namespaces change
/// it.
const LINES: [&[u8]; 2] = [b"SUnreclaim:", b"Percpu:"];

/// Returns the bytes that the kernel uses for itself.
pub(super) fn of_kernel() -> Result<u64, Error> {
    let text = std::fs::read("/proc/meminfo");
    let text = text.map_err(|error| Error::failed("read /proc/meminfo", error))?;
    Ok(sum(&text))
}

fn sum(text: &[u8]) -> u64 {
    let lines = text.split(|byte| *byte == b'\n');
    let numbers = lines.filter_map(|line| {
        let mut words = line.split(|byte| *byte == b' ').filter(|it| !it.is_empty());
        let heading = words.next()?;
        LINES.contains(&heading).then_some(())?;
        nsx_core::proc::decimal(words.next()?)
    });
    numbers.sum::<u64>() << 10
}

/// Returns the median of the growths of memory, each per namespace or process.
pub(super) fn median(mut growths: Vec<i64>) -> Option<i64> {
    growths.sort_unstable();
    growths.get(growths.len() / 2).copied()
}

/// Returns an amount of memory with its unit.
pub(super) fn shown(bytes: u64) -> String {
    match bytes as f64 / 1024.0 {
        kib @ ..9.95 => format!("{kib:.1} KiB"),
        kib => format!("{kib:.0} KiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_kernels_own_memory_are_added() {
        let text = b"MemTotal:  8000 kB\nSUnreclaim:    10 kB\nPercpu:  2 kB\nPageTables: 1 kB\n\
            SUnreclaim:\n";
        assert_eq!(sum(text), 12 << 10);
        assert_eq!(sum(b""), 0);
    }

    #[test]
    fn memory_is_shown_in_kibibytes() {
        assert_eq!((shown(0), shown(700)), ("0.0 KiB".into(), "0.7 KiB".into()));
        assert_eq!(shown(61 << 10), "61 KiB");
        assert_eq!((median(vec![]), median(vec![3, -1, 2])), (None, Some(2)));
    }
}
