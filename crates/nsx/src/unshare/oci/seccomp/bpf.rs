//! Instructions of classic BPF, see `linux/bpf_common.h`, and the blocks of them that compare the
//! arguments of a system call.

use super::Action;
use nsx_core::plan::{Filter, Instruction};

/// Offset in `struct seccomp_data` of the number of the system call.
pub(super) const NUMBER: u32 = 0;
/// Offset in it of the architecture.
pub(super) const ARCHITECTURE: u32 = 4;
/// Offset in it of the first of six arguments of 64 bits.
pub(super) const ARGUMENTS: u32 = 16;

pub(super) const LOAD: u16 = 0x20;
pub(super) const RETURN: u16 = 0x06;
pub(super) const ALWAYS: u16 = 0x05;
pub(super) const AND: u16 = 0x54;
pub(super) const EQUAL: u16 = 0x15;
pub(super) const ABOVE: u16 = 0x25;
pub(super) const AT_LEAST: u16 = 0x35;

pub(super) fn load(offset: u32) -> Instruction {
    operation(LOAD, offset)
}

pub(super) fn mask(bits: u32) -> Instruction {
    operation(AND, bits)
}

pub(super) fn skip(count: usize) -> Instruction {
    operation(ALWAYS, u32::try_from(count).unwrap_or(u32::MAX))
}

pub(super) fn returns(action: Action) -> Instruction {
    operation(RETURN, action)
}

fn operation(code: u16, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

/// Compares the accumulator with `operand`, and skips as many instructions as the outcome says.
pub(super) fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

/// A condition on one argument of a system call.
#[derive(Clone, Copy)]
pub(super) struct Condition {
    /// The index of the argument, 0 to 5.
    pub(super) index: u32,
    pub(super) comparison: Comparison,
}

/// A comparison of an argument with a value.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    Equal(u64),
    NotEqual(u64),
    Above(u64),
    AtLeast(u64),
    Below(u64),
    AtMost(u64),
    /// The bits of the mask have the value.
    MaskedEqual {
        mask: u64,
        value: u64,
    },
}

/// Jump targets until the distances are known: the next condition, and the end of the block.
const HOLDS: u8 = 254;
const FAILS: u8 = 255;

/// Returns the block that ends in the action if all conditions hold, and goes on behind the block
/// otherwise.
pub(super) fn block(conditions: &[Condition], action: Action) -> Filter {
    let mut block = Vec::new();
    for condition in conditions {
        let mut comparison = condition.instructions();
        resolve(&mut comparison, HOLDS);
        block.extend(comparison);
    }
    block.push(returns(action));
    resolve(&mut block, FAILS);
    block
}

/// Turns each jump to `target` into a jump behind the last instruction.
fn resolve(block: &mut [Instruction], target: u8) {
    for (remaining, instruction) in block.iter_mut().rev().enumerate() {
        for jump in [&mut instruction.jump_true, &mut instruction.jump_false] {
            if *jump == target {
                *jump = u8::try_from(remaining).unwrap_or(u8::MAX);
            }
        }
    }
}

impl Condition {
    /// Compares the upper half of the argument first, because an instruction has 32 bits.
    fn instructions(self) -> Filter {
        let loads = load_halves(self.index);
        match self.comparison {
            Comparison::Equal(value) => equal(loads, value, HOLDS, FAILS),
            Comparison::NotEqual(value) => equal(loads, value, FAILS, HOLDS),
            Comparison::Above(value) => ordered(loads, ABOVE, value, HOLDS, FAILS),
            Comparison::AtLeast(value) => ordered(loads, AT_LEAST, value, HOLDS, FAILS),
            Comparison::Below(value) => ordered(loads, AT_LEAST, value, FAILS, HOLDS),
            Comparison::AtMost(value) => ordered(loads, ABOVE, value, FAILS, HOLDS),
            Comparison::MaskedEqual { mask: bits, value } => {
                let ([upper, lower], [mask_high, mask_low]) = (loads, halves(bits));
                let [high, low] = halves(value & bits);
                vec![
                    upper,
                    mask(mask_high),
                    jump(EQUAL, high, 0, FAILS),
                    lower,
                    mask(mask_low),
                    jump(EQUAL, low, HOLDS, FAILS),
                ]
            }
        }
    }
}

/// Returns the instructions that load the upper and the lower half of an argument.
fn load_halves(index: u32) -> [Instruction; 2] {
    let argument = ARGUMENTS + 8 * index;
    let (upper, lower) = if cfg!(target_endian = "little") {
        (4, 0)
    } else {
        (0, 4)
    };
    [load(argument + upper), load(argument + lower)]
}

fn halves(value: u64) -> [u32; 2] {
    [(value >> 32) as u32, value as u32]
}

fn equal([upper, lower]: [Instruction; 2], value: u64, same: u8, different: u8) -> Filter {
    let [high, low] = halves(value);
    vec![
        upper,
        jump(EQUAL, high, 0, different),
        lower,
        jump(EQUAL, low, same, different),
    ]
}

/// Compares the lower halves by `code` if the upper halves are equal.
fn ordered(
    [upper, lower]: [Instruction; 2],
    code: u16,
    value: u64,
    above: u8,
    below: u8,
) -> Filter {
    let [high, low] = halves(value);
    vec![
        upper,
        jump(ABOVE, high, above, 0),
        jump(EQUAL, high, 0, below),
        lower,
        jump(code, low, above, below),
    ]
}
