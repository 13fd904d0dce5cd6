-- on: [feiqiu_dwd.dim_member_card, feiqiu_dwd.fact_balance_change]
-- severity: warn
-- description: >-
--   What is on a card is the sum of its changes. A warning: cards and changes are read moments apart, and a change in
--   between puts itself right on the next run.
with changed as (
    select
        b.member_card_id,
        sum(b.change_amount) as change_amount
    from feiqiu_dwd.fact_balance_change as b
    where not b.is_removed
    group by b.member_card_id
),

cards as (
    select
        d.member_card_id,
        d.balance_amount
    from feiqiu_dwd.dim_member_card as d
    where d.is_current
)

select
    member_card_id,
    cards.balance_amount as card_says,
    changed.change_amount as changes_say
from cards
full join changed using (member_card_id)
where coalesce(cards.balance_amount, 0) <> coalesce(changed.change_amount, 0)
