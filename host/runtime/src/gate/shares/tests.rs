//! Fairness by a clock that the test moves.

use super::*;

/// A tenth of one processor for each tenant, and two calls at once.
const RULES: Rules = Rules { slots: 4, large_slots: 1, tenant_slots: 2, tenant_processors: 0.1, alone: 1 };

/// A moment at which everybody has saved up all that can be saved.
const START: Duration = Duration::from_secs(100);

const HOST: Caller<'_> = Caller { tenant: None, large: false };

fn small(tenant: &str) -> Caller<'_> {
    Caller { tenant: Some(tenant), large: false }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// One call from the queue to its end; how long it waited. It must be able to go without another's end.
fn call(shares: &mut Shares, tenant: &str, used: Duration, now: &mut Duration) -> Duration {
    let ticket = shares.join(small(tenant), *now);
    let joined = *now;
    loop {
        match shares.turn(ticket, *now) {
            Turn::Now => break,
            Turn::At(at) => *now = at.max(*now + ms(1)),
            Turn::Later => panic!("nobody is inside, and it waits for somebody to leave"),
        }
    }
    let waited = *now - joined;
    *now += used;
    shares.leave(small(tenant), used, *now);
    waited
}

/// Somebody else calls, for next to nothing.
fn other(shares: &mut Shares, now: Duration) {
    call(shares, "good", Duration::ZERO, &mut now.clone());
}

#[test]
fn a_tenant_within_its_share_never_waits() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    for _ in 0..10_000 {
        other(&mut shares, now);
        assert_eq!(call(&mut shares, "contoso", ms(1), &mut now), Duration::ZERO);
        now += ms(10);
    }
}

#[test]
fn beside_others_a_tenant_gets_its_share_and_no_more() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    let mut used = Duration::ZERO;
    while now < START + Duration::from_secs(60) {
        other(&mut shares, now);
        call(&mut shares, "hog", ms(50), &mut now);
        used += ms(50);
    }
    // A tenth of a minute, what was saved up, and the call at the end.
    assert!(used >= ms(5_900) && used <= ms(6_000 + 100 + 50), "{used:?}");
}

#[test]
fn many_callers_of_one_tenant_get_no_more_than_one() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    let mut waiting: Vec<Ticket> = (0..20).map(|_| shares.join(small("hog"), now)).collect();
    let (mut running, mut calls) = (Vec::new(), 0);
    while now < START + Duration::from_secs(60) {
        if running.first().is_some_and(|began| now >= *began + ms(50)) {
            running.remove(0);
            shares.leave(small("hog"), ms(50), now);
            waiting.push(shares.join(small("hog"), now));
            calls += 1;
        }
        while let Some(goes) = waiting.iter().position(|ticket| shares.turn(*ticket, now) == Turn::Now) {
            waiting.remove(goes);
            running.push(now);
        }
        other(&mut shares, now);
        now += ms(1);
    }
    // A tenth of a minute is 120 calls; a tenant of which nothing is known yet has two inside at once.
    assert!((115..=124).contains(&calls), "{calls}");
}

#[test]
fn a_tenant_that_is_alone_has_the_processors_and_owes_nothing() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    for _ in 0..1_000 {
        assert_eq!(call(&mut shares, "hog", ms(50), &mut now), Duration::ZERO);
    }
    other(&mut shares, now);
    assert_eq!(call(&mut shares, "hog", ms(50), &mut now), Duration::ZERO, "it had not used anybody else's");
    other(&mut shares, now);
    // It pays from when that call began, so what the call itself took is over already.
    assert_eq!(call(&mut shares, "hog", ms(50), &mut now), ms(450));
}

#[test]
fn a_tenant_that_is_alone_leaves_a_processor_for_whoever_comes() {
    let mut shares = Shares::new(Rules { slots: 8, tenant_slots: 8, alone: 3, ..RULES });
    let mut now = START;
    for _ in 0..10 {
        call(&mut shares, "hog", ms(900), &mut now);
    }
    let tickets: Vec<Ticket> = (0..8).map(|_| shares.join(small("hog"), now)).collect();
    let inside = tickets.iter().filter(|ticket| shares.turn(**ticket, now) == Turn::Now).count();
    assert_eq!(inside, 3);
    let comes = shares.join(small("good"), now);
    assert_eq!(shares.turn(comes, now), Turn::Now);
}

#[test]
fn a_call_waits_for_a_debt_but_not_for_ever() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    let long = shares.join(small("hog"), now);
    assert_eq!(shares.turn(long, now), Turn::Now);
    now += Duration::from_secs(30);
    other(&mut shares, now);
    shares.leave(small("hog"), Duration::from_secs(30), now);
    // What it used would take five minutes to pay for; a minute is the most that is held against it.
    assert_eq!(shares.accounts["hog"].paid, now + DEBT_MAX - SAVED_MAX);
    let (joined, ticket) = (now, shares.join(small("hog"), now));
    while shares.turn(ticket, now) != Turn::Now {
        other(&mut shares, now);
        now += ms(100);
    }
    assert_eq!(now - joined, WAIT_MAX);
}

#[test]
fn a_tenant_has_no_more_calls_inside_than_it_may_and_all_have_no_more_than_there_are_slots() {
    let mut shares = Shares::new(RULES);
    let tenants = ["a", "a", "a", "b", "b", "b", "c", "c"];
    let tickets = tenants.map(|tenant| (tenant, shares.join(small(tenant), START)));
    let mut inside: Vec<&str> = Vec::new();
    for _ in 0..tickets.len() {
        let go = tickets.iter().filter(|(_, ticket)| shares.turn(*ticket, START) == Turn::Now);
        inside.extend(go.map(|(tenant, _)| *tenant));
    }
    assert_eq!(inside.len(), 4, "{inside:?}");
    assert!(tenants.iter().all(|tenant| (1..=2).contains(&shares.running_of(tenant))), "{inside:?}");
}

#[test]
fn of_those_who_wait_the_tenant_with_the_fewest_calls_inside_goes_first() {
    let mut shares = Shares::new(Rules { slots: 2, ..RULES });
    for _ in 0..2 {
        let ticket = shares.join(small("many"), START);
        assert_eq!(shares.turn(ticket, START), Turn::Now);
    }
    let [third, few] = ["many", "few"].map(|tenant| shares.join(small(tenant), START));
    assert_eq!(shares.turn(few, START), Turn::Later);
    shares.leave(small("many"), ms(1), START);
    assert_eq!(shares.turn(third, START), Turn::Later);
    assert_eq!(shares.turn(few, START), Turn::Now);
    shares.leave(small("many"), ms(1), START);
    assert_eq!(shares.turn(third, START), Turn::Now);
}

#[test]
fn no_pass_of_a_tenant_in_debt_should_begin_and_those_of_others_may() {
    let (mut shares, mut now) = (Shares::new(RULES), START);
    call(&mut shares, "hog", ms(150), &mut now);
    other(&mut shares, now);
    call(&mut shares, "hog", ms(50), &mut now);
    let paid = shares.accounts["hog"].paid;
    assert_eq!(shares.over_share(|_| 0, now), [("hog".to_owned(), paid)]);
    // With a pass under way there must be credit for its next call too.
    other(&mut shares, paid);
    assert_eq!(shares.over_share(|_| 0, paid), []);
    let cost = shares.cost(shares.accounts["hog"].typical);
    assert_eq!(shares.over_share(|_| 1, paid), [("hog".to_owned(), paid + cost)]);
    assert_eq!(shares.over_share(|_| 1, paid + cost), []);
    // Alone it has passes in hand as long as they would not stand in anybody's way for long.
    let quiet = paid + QUIET + ms(1);
    shares.leave(small("hog"), ms(50), quiet);
    shares.leave(small("hog"), ms(50), quiet);
    assert_eq!(shares.over_share(|_| 1, quiet), []);
    assert_eq!(shares.over_share(|_| 10, quiet).len(), 1);
}

#[test]
fn the_hosts_own_calls_have_no_share_to_keep_to() {
    let (mut shares, now) = (Shares::new(RULES), START);
    for _ in 0..3 {
        let ticket = shares.join(HOST, now);
        assert_eq!(shares.turn(ticket, now), Turn::Now);
        shares.leave(HOST, Duration::from_secs(10), now);
    }
    assert_eq!(shares.over_share(|_| 9, now), []);
}

#[test]
fn large_plugins_have_slots_of_their_own_and_small_ones_do_not_wait_for_them() {
    let mut shares = Shares::new(RULES);
    let large = |tenant| Caller { tenant: Some(tenant), large: true };
    let first = shares.join(large("a"), START);
    assert_eq!(shares.turn(first, START), Turn::Now);
    let [second, small] = [large("b"), small("c")].map(|caller| shares.join(caller, START));
    assert_eq!(shares.turn(second, START), Turn::Later);
    assert_eq!(shares.turn(small, START), Turn::Now);
    shares.leave(large("a"), ms(1), START);
    assert_eq!(shares.turn(second, START), Turn::Now);
}
