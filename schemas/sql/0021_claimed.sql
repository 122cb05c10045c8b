-- What a provider granted of a credit that was claimed, beside who said that it was (0015); in the contract's currency.
ALTER TABLE ${DATABASE}.responses
    ADD COLUMN IF NOT EXISTS amount Nullable(Decimal(18, 2));
