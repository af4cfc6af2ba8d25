//! Which lines to reverse so that no cycle remains.

/// For each arrow, whether it is drawn against the columns: those that lead back to a box whose callees are still being visited, starting from boxes
/// without callers. Not the smallest such set, but the one a reader expects: entry first. O(boxes + arrows).
pub(crate) fn reversed(boxes: usize, arrows: &[(usize, usize)]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut out: Vec<Vec<(usize, usize)>> = vec![Vec::new(); boxes];
    let (mut ins, mut outs) = (vec![0_i64; boxes], vec![0_i64; boxes]);
    for (i, &(a, b)) in arrows.iter().enumerate() {
        out[a].push((b, i));
        outs[a] += 1;
        ins[b] += 1;
    }
    out.iter_mut().for_each(|o| o.sort_unstable());
    let mut starts: Vec<usize> = (0..boxes).collect();
    // Entries first; in a cycle without one, the box that calls most and is called least.
    starts.sort_by_key(|&v| (ins[v] > 0, ins[v] - outs[v], v));
    let mut state = vec![State::New; boxes];
    let mut turned = vec![false; arrows.len()];
    for start in starts {
        if state[start] != State::New {
            continue;
        }
        state[start] = State::Open;
        let mut stack = vec![(start, 0)];
        while let Some((at, next)) = stack.last_mut() {
            let Some(&(to, arrow)) = out[*at].get(*next) else {
                state[*at] = State::Done;
                stack.pop();
                continue;
            };
            *next += 1;
            match state[to] {
                State::Open => turned[arrow] = true,
                State::New => {
                    state[to] = State::Open;
                    stack.push((to, 0));
                }
                State::Done => {}
            }
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arrow_back_is_turned() {
        assert_eq!(reversed(3, &[(0, 1), (1, 2), (2, 0)]), [false, false, true]);
        assert_eq!(reversed(3, &[(0, 1), (1, 2), (0, 2)]), [false; 3]);
        // 2 is the entry: from there, the cycle of 0 and 1 is entered at 1.
        assert_eq!(reversed(3, &[(0, 1), (1, 0), (2, 1)]), [true, false, false]);
    }
}
