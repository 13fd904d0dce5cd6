-- on: [feiqiu_dwd.fact_balance_change]
-- severity: error
-- description: A card's balance after a change is the one before it and the change, and the next change begins there.
with chain as (
    select
        b.balance_change_id,
        b.member_card_id,
        b.before_amount,
        b.change_amount,
        b.after_amount,
        lag(b.after_amount) over (
            partition by b.member_card_id
            order by b.changed_at, b.balance_change_id
        ) as previous_after_amount
    from feiqiu_dwd.fact_balance_change as b
    where not b.is_removed
)

select
    c.balance_change_id,
    c.member_card_id,
    c.previous_after_amount,
    c.before_amount,
    c.change_amount,
    c.after_amount
from chain as c
where c.after_amount is distinct from c.before_amount + c.change_amount
    or c.previous_after_amount <> c.before_amount
