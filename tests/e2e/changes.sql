-- SPDX-License-Identifier: Apache-2.0
-- What happens between the full backup and the incremental one of the end-to-end tests.
use shop;
update orders set item = 'changed' where id % 50 = 0;
delete from orders where id % 97 = 0;
insert into orders (customer, item, price, placed) select seq, 'new', 1, '2026-06-01' from seq_1_to_500;
update row_compressed set t = repeat('x', 500) where id % 10 = 0;
update page_compressed set t = repeat('y', 900) where id % 10 = 0;
update blobs set b = concat(b, 'tail') where id < 3;
delete from by_year where year = 2025;
alter table by_year drop partition p2024;
insert into my_isam (t) values ('added to it');
insert into my_aria values (5000, 'added to it');
insert into empty_innodb values (1);
truncate table compact;
drop table redundant;
rename table invoices to bills;
alter table words add column n int not null default 7;
create table created (id int primary key, t text) engine=innodb;
insert into created select seq, md5(seq) from seq_1_to_1000;
create table created_compressed (id int primary key, t text) engine=innodb row_format=compressed;
insert into created_compressed select seq, md5(seq) from seq_1_to_1000;
create database later;
create table later.t (id int primary key) engine=innodb;
insert into later.t values (1);
create view shop.cheap as select * from orders where price < 1;
