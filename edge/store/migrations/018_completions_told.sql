-- A claim by a masked number is a person's once it is completed on them: their own page says so from then on.
CREATE TRIGGER completions_make_packages_stale AFTER INSERT ON completions BEGIN
    UPDATE rights_links SET dirty = 1 WHERE dirty = 0
        AND person IN (SELECT person FROM person_tokens WHERE token = NEW.token);
END;
