-- name: contacts
SELECT owner, telephone FROM pipemap.owner_contact WHERE owner = ANY (%(owners)s)

-- name: all_contacts
SELECT owner, telephone FROM pipemap.owner_contact

-- name: set_contact
INSERT INTO pipemap.owner_contact (owner, telephone) VALUES (%(owner)s, %(telephone)s)
ON CONFLICT (owner) DO UPDATE SET telephone = excluded.telephone
