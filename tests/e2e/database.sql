-- SPDX-License-Identifier: Apache-2.0
-- The database of the end-to-end tests: tables of every kind that a backup treats differently.

create database shop;
use shop;

create table orders (
    id int unsigned auto_increment primary key,
    customer int unsigned not null,
    item varchar(80) not null,
    price decimal(10, 2) not null,
    placed datetime not null,
    key (customer), key (placed)
) engine=innodb;
insert into orders (customer, item, price, placed)
    select seq * 7919 % 1000, sha1(seq), seq % 9973 / 100, '2026-01-01' + interval seq minute from seq_1_to_20000;

-- A column that was added and one that was dropped without a rebuild.
create table customers (id int unsigned primary key, name varchar(60) not null, gone int) engine=innodb;
insert into customers select seq, concat('customer ', md5(seq)), seq from seq_1_to_1000;
alter table customers add column city varchar(40) not null default 'Hangzhou', drop column gone, algorithm=instant;
insert into customers values (1001, 'late', 'Köln 杭州');
create table invoices (
    id int unsigned primary key, customer int unsigned, foreign key (customer) references customers (id)
) engine=innodb;
insert into invoices select seq, seq % 1000 + 1 from seq_1_to_3000;

create table row_compressed (id int primary key, t text, b blob)
    engine=innodb row_format=compressed key_block_size=8;
insert into row_compressed select seq, repeat(md5(seq), 20), repeat(unhex(sha1(seq)), 10) from seq_1_to_2000;

create table page_compressed (id int primary key, t text) engine=innodb page_compressed=1;
insert into page_compressed select seq, repeat(md5(seq), 25) from seq_1_to_2000;

create table redundant (id int primary key, t varchar(200)) engine=innodb row_format=redundant;
insert into redundant select seq, repeat('r', seq % 200) from seq_1_to_1000;
create table compact (id int primary key, t varchar(200)) engine=innodb row_format=compact;
insert into compact select seq, repeat('c', seq % 200) from seq_1_to_1000;

-- Values that are far larger than a page, of data that no compressor makes smaller and of zeros.
create table blobs (id int primary key, b longblob) engine=innodb;
insert into blobs select s.seq, (select group_concat(random_bytes(1000) separator '') from seq_1_to_400)
    from seq_1_to_3 as s;
insert into blobs values (4, repeat(char(0), 1000000)), (5, ''), (6, null);

create table by_year (id int, year int, t varchar(40), primary key (id, year)) engine=innodb
    partition by range (year) (
        partition p2024 values less than (2025), partition p2025 values less than (2026),
        partition later values less than maxvalue);
insert into by_year select seq, 2023 + seq % 5, md5(seq) from seq_1_to_3000;
create table by_hash (id int primary key, t varchar(40)) engine=innodb partition by hash (id) partitions 4;
insert into by_hash select seq, md5(seq) from seq_1_to_2000;

create table words (id int primary key, t text, fulltext key (t)) engine=innodb;
insert into words select seq, concat('word', seq % 50, ' other', seq % 7) from seq_1_to_500;

create table places (id int primary key, p point not null, spatial key (p)) engine=innodb;
insert into places select seq, point(seq, seq * 2) from seq_1_to_500;

create table my_isam (id int auto_increment primary key, t varchar(100), key (t), fulltext key (t)) engine=myisam;
insert into my_isam (t) select concat(md5(seq), ' ', seq % 10) from seq_1_to_3000;
create table my_isam_fixed (id int primary key, c char(30)) engine=myisam;
insert into my_isam_fixed select seq, seq from seq_1_to_1000;
create table my_aria (id int primary key, t text) engine=aria;
insert into my_aria select seq, repeat(md5(seq), 5) from seq_1_to_1000;

create table generated (
    id int primary key, price int, stored decimal(12, 2) as (price * 1.19) stored, virtual int as (price + 1) virtual,
    key (virtual)
) engine=innodb;
insert into generated (id, price) select seq, seq * 3 from seq_1_to_1000;

create table empty_innodb (id int primary key) engine=innodb;
create table empty_isam (id int primary key) engine=myisam;
create table emptied (id int primary key, t text) engine=innodb;
insert into emptied select seq, md5(seq) from seq_1_to_1000;
delete from emptied;
create sequence numbers start with 100;
select next value for numbers;

create table history (id int primary key, t varchar(30)) engine=innodb with system versioning;
insert into history select seq, seq from seq_1_to_100;
update history set t = 'changed' where id < 50;

create view recent as select * from orders where placed > '2026-01-10';
create table audit (id int auto_increment primary key, what varchar(40)) engine=innodb;
create trigger orders_audit after delete on orders for each row insert into audit (what) values (old.item);
delete from orders where id between 10 and 20;
create function twice (n int) returns int deterministic return 2 * n;

-- Names that are written differently on the disk.
create database `odd-näme 1`;
create table `odd-näme 1`.`täble #1.t x` (id int primary key, `cölumn` text) engine=innodb;
insert into `odd-näme 1`.`täble #1.t x` select seq, concat('ünïcode ', seq) from seq_1_to_100;
create table `odd-näme 1`.`CON` (id int primary key) engine=myisam;
insert into `odd-näme 1`.`CON` values (1), (2);
create database no_tables;

-- What is written to while a backup is taken: one transaction puts a row into each table.
create database busy;
create table busy.a (n int unsigned primary key, filler char(200)) engine=innodb;
create table busy.b (n int unsigned primary key, filler char(200)) engine=innodb;
create table busy.stop (n int) engine=innodb;
delimiter //
create procedure busy.write() begin
    declare i int unsigned;
    select count(*) + 1 into i from busy.a;
    while not exists (select * from busy.stop) do
        start transaction;
        insert into busy.a values (i, 'a');
        insert into busy.b values (i, 'b');
        commit;
        set i = i + 1;
        do sleep(0.002);
    end while;
end //
delimiter ;
