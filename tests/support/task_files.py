"""Small files of our own in the exact form of each task's publisher: task -> split -> name of the file -> its content."""

import json

from electra_pretrain.finetuning.examples import Answer, Question, TaggedText, TextExample


def tsv(*rows, end="\n"):
    return "".join("\t".join(row) + end for row in rows)


def dump(content):
    return json.dumps(content, ensure_ascii=False, indent=2)


def squad(context, *qas, **article):
    return {"version": "1", "data": [{"title": "글", **article, "paragraphs": [{"context": context, "qas": list(qas)}]}]}


SEOUL = '서울은 조선의 도읍이 된 1394년부터 "한양"이라 불렸다.'
BEIJING = "北京是一座有三千多年历史的城市，元朝时叫大都，明朝永乐年间改名北京。"
TAIPEI = "台北盆地原是湖泊，西元一九二〇年設市，今日人口約二百五十萬。"
NO_ANSWER = {"is_impossible": True, "answers": [], "plausible_answers": [{"text": "한양", "answer_start": 0}]}
XNLI_HEADER = ["language", "gold_label", "sentence1_parse", "sentence1", "sentence2", "promptID", "genre", "label1", "match"]
STS_HEADER = ["genre", "filename", "year", "id", "score", "sentence1", "sentence2"]
TOLD_TWICE = "이 영화는 두 번 보았다."

FILES = {
    "nsmc": {
        "train": {
            "ratings_train.txt": tsv(
                ["id", "document", "label"],
                ["1000001", '"처음 10분만 좋다', "0"],
                ["1000002", "배우들이 살렸네요 ㅎㅎ", "1"],
                ["1000003", "", "0"],
            )
        },
        "dev": {"dev.tsv": tsv(["document", "label"], [TOLD_TWICE, "1"])},
    },
    "naver_ner": {
        "train": {
            "train_data": "1\t정약용은\tPER_B\n2\t1801년\tDAT_B\n3\t봄에\tDAT_I\n4\t강진으로\tLOC_B\n5\t갔다.\t-\n"
            "\n1\t비가\t-\n2\t온다\t-\n"
        },
        "test": {"test.tsv": "정약용은 1801년 봄에 갔다 .\tPER-B DAT-B DAT-I O O\n"},
    },
    "paws_x": {
        "train": {
            "translated_train.tsv": tsv(
                ["id", "sentence1", "sentence2", "label"],
                ["1", "철수는 영희보다 먼저 왔다.", "영희는 철수보다 먼저 왔다.", "0"],
                ["2", "강은 북에서 남으로 흐른다.", "강은 남쪽으로, 북에서 흘러온다.", "1"],
                ["3", "", "번역되지 않았다.", "0"],
            )
        },
        "test": {"test_2k.tsv": tsv(["id", "sentence1", "sentence2", "label"], ["9", '"길"은 길다.', "NS", "0"])},
    },
    "kornli": {
        "train": {
            "multinli.train.ko.tsv": tsv(
                ["sentence1", "sentence2", "gold_label"],
                ["그는 문을 닫았다.", "문이 열려 있다.", "contradiction"],
                ['"아무도" 없다', "누군가 있다", "", "contradiction"],
            ),
            "snli_1.0_train.ko.tsv": tsv(
                ["sentence1", "sentence2", "gold_label"], ['아이가 "공을 찬다', "아이가 논다", "entailment"]
            ),
        },
        "test": {
            "xnli.test.ko.tsv": tsv(["sentence1", "sentence2", "gold_label"], ["눈이 온다", "오늘은 월요일이다", "neutral"])
        },
    },
    "korsts": {
        "train": {
            "sts-train.tsv": tsv(
                STS_HEADER,
                ["main-captions", "MSRvid", "2012test", "0001", "4.800", "한 사람이 뛴다.", '어떤 "사람이 달린다.'],
                ["main-news", "headlines", "2015", "0735", "0", "비가 온다.", "주가가 올랐다."],
            )
        }
    },
    "question_pair": {
        "train": {
            "kor_pair_train.csv": "id,qid1,qid2,question1,question2,is_duplicate\r\n"
            '1,1,2,밥은 먹었니,"밥, 먹었어?",0\r\n2,3,4,비가 오나,어디 가니,1\r\n\r\n'
        },
        "test": {
            "test.txt": tsv(["question1", "question2", "is_duplicate"], ["졸려", "잠이 와", "0"], ["가자\t", "오자", "1"])
        },
    },
    "korquad": {
        "dev": {
            "KorQuAD_v1.0_dev.json": dump(
                squad(
                    SEOUL,
                    {"id": "1-0-0", "question": "서울의 옛 이름은?", "answers": [{"text": "한양", "answer_start": 23}]},
                )
            )
        }
    },
    "hate_speech": {
        "train": {
            "labeled/train.tsv": tsv(
                ["comments", "contain_gender_bias", "bias", "hate"],
                ["연기 참 좋다", "False", "none", "none"],
                ["노래를 그만두는 게 낫겠다", "False", "none", "offensive"],
            )
        },
        "dev": {"val.tsv": tsv(["title", "comments", "bias", "hate"], ['"제목"', "꺼져라", "others", "hate"])},
    },
    "klue_ynat": {
        "dev": {
            "ynat-v1.1_dev.json": dump(
                [{"guid": "ynat-v1_dev_00000", "title": "새 반도체 공장 짓는다", "label": "IT과학", "annotations": {}}]
            )
        }
    },
    "klue_nli": {
        "dev": {
            "klue-nli-v1.1/klue-nli-v1.1_dev.json": dump(
                [
                    {
                        "guid": "klue-nli-v1_dev_00000",
                        "source": "airbnb",
                        "premise": "방이 넓다.",
                        "hypothesis": "방이 좁다.",
                        "gold_label": "contradiction",
                        "author": "contradiction",
                    }
                ]
            )
        }
    },
    "klue_sts": {
        "dev": {
            "klue-sts-v1_dev.json": dump(
                [
                    {
                        "guid": "klue-sts-v1_dev_00000",
                        "sentence1": "불 꺼 줘.",
                        "sentence2": "조명 끄자.",
                        "labels": {"label": 3.7, "real-label": 3.714285714285714, "binary-label": 1},
                    }
                ]
            )
        }
    },
    "klue_ner": {
        "dev": {
            "klue-ner-v1.1_dev.tsv": "## 두 문장\n\n## klue-ner-v1_dev_00000-nsmc\t<김 구:PS>는 #1\n"
            "김\tB-PS\n \tI-PS\n구\tI-PS\n는\tO\n \tO\n#\tO\n1\tB-QT\n\t\n## klue-ner-v1_dev_00001\t와!\n와\tO\n!\tO\n\n"
        }
    },
    "klue_mrc": {
        "dev": {
            "klue-mrc-v1.1_dev.json": dump(
                squad(
                    SEOUL,
                    {
                        "guid": "klue-mrc-v1_dev_00000",
                        "question": "도읍이 된 해는?",
                        "question_type": 1,
                        "is_impossible": False,
                        "answers": [{"text": "1394년", "answer_start": 14}, {"text": "1394", "answer_start": 14}],
                    },
                    {"guid": "klue-mrc-v1_dev_00001", "question": "부산의 옛 이름은?", "question_type": 3, **NO_ANSWER},
                )
            )
        }
    },
    "cmrc2018": {
        "train": {
            "cmrc2018_train.json": dump(
                squad(
                    BEIJING,
                    {
                        "id": "TRAIN_1_QUERY_0",
                        "question": "改名在何时？",
                        "answers": [{"text": "永乐年间", "answer_start": 20}],
                    },
                    {"id": "TRAIN_1_QUERY_1", "question": "新名？", "answers": [{"text": "北京", "answer_start": 29}]},
                    {"id": "TRAIN_1_QUERY_2", "question": "谁改？", "answers": [{"text": "朱棣", "answer_start": 3}]},
                )
            )
        }
    },
    "drcd": {
        "test": {
            "DRCD_test.json": dump(
                squad(
                    TAIPEI,
                    {
                        "id": "1147-5-1",
                        "question": "何年設市？",
                        "answers": [
                            {"id": "1", "text": "西元一九二〇年", "answer_start": 9},
                            {"id": "2", "text": "一九二〇年", "answer_start": 11},
                        ],
                    },
                    id="1147",
                )
            )
        }
    },
    "xnli": {
        "train": {
            "multinli.train.zh.tsv": tsv(
                ["premise", "hypo", "label"], ["他 关 了 门 。", "门 开 着 。", "contradictory"], ["天 冷 。", "", "neutral"]
            )
        },
        "dev": {
            "xnli.dev.tsv": tsv(
                XNLI_HEADER,
                ["ar", "neutral", "", "x", "y", "1", "facetoface", "neutral", "True"],
                ["zh", "entailment", "", '他说："妈，我回来了。', "他说话了。", "1", "facetoface", "entailment", "True"],
            )
        },
        "test": {"test.tsv": tsv(["text_a", "text_b", "label"], ["猫 在睡。", "猫醒着。", "contradictory"])},
    },
    "chnsenticorp": {"test": {"test.tsv": tsv(["label", "text_a"], ["1", '"房间很干净,""下次""再来'], ["0", "书页少了一半"])}},
    "lcqmc": {
        "train": {"train.txt": tsv(["怎么去火车站", "去火车站怎么走", "1"])},
        "test": {"test.tsv": tsv(["text_a", "text_b", "label"], ["今天几号", "今天星期几", "0"], end="\r\n")},
    },
    "bq": {
        "train": {"train.csv": 'sentence1,sentence2,label\n"怎么还款,今天",如何还款,1\n'},
        "test": {"test.tsv": tsv(["text_a", "text_b", "label"], ["额度多少", "为什么没额度", "0"])},
    },
}

EXAMPLES = {
    "nsmc": {
        "train": [
            TextExample('"처음 10분만 좋다', None, 0),
            TextExample("배우들이 살렸네요 ㅎㅎ", None, 1),
            TextExample("", None, 0),
        ],
        "dev": [TextExample(TOLD_TWICE, None, 1)],
    },
    "naver_ner": {
        "train": [
            TaggedText(
                "정약용은 1801년 봄에 강진으로 갔다.",
                ((0, 4), (5, 10), (11, 13), (14, 18), (19, 22)),
                ("B-PER", "B-DAT", "I-DAT", "B-LOC", "O"),
            ),
            TaggedText("비가 온다", ((0, 2), (3, 5)), ("O", "O")),
        ],
        "test": [
            TaggedText(
                "정약용은 1801년 봄에 갔다 .",
                ((0, 4), (5, 10), (11, 13), (14, 16), (17, 18)),
                ("B-PER", "B-DAT", "I-DAT", "O", "O"),
            )
        ],
    },
    "paws_x": {
        "train": [
            TextExample("철수는 영희보다 먼저 왔다.", "영희는 철수보다 먼저 왔다.", 0),
            TextExample("강은 북에서 남으로 흐른다.", "강은 남쪽으로, 북에서 흘러온다.", 1),
        ],
        "test": [TextExample('"길"은 길다.', "NS", 0)],
    },
    "kornli": {
        "train": [TextExample("그는 문을 닫았다.", "문이 열려 있다.", 0), TextExample('아이가 "공을 찬다', "아이가 논다", 1)],
        "test": [TextExample("눈이 온다", "오늘은 월요일이다", 2)],
    },
    "korsts": {
        "train": [
            TextExample("한 사람이 뛴다.", '어떤 "사람이 달린다.', 4.8),
            TextExample("비가 온다.", "주가가 올랐다.", 0.0),
        ]
    },
    "question_pair": {
        "train": [TextExample("밥은 먹었니", "밥, 먹었어?", 0), TextExample("비가 오나", "어디 가니", 1)],
        "test": [TextExample("졸려", "잠이 와", 0)],
    },
    "korquad": {"dev": [Question("1-0-0", "서울의 옛 이름은?", SEOUL, (Answer("한양", 23),))]},
    "hate_speech": {
        "train": [TextExample("연기 참 좋다", None, 0), TextExample("노래를 그만두는 게 낫겠다", None, 1)],
        "dev": [TextExample("꺼져라", None, 2)],
    },
    "klue_ynat": {"dev": [TextExample("새 반도체 공장 짓는다", None, 0)]},
    "klue_nli": {"dev": [TextExample("방이 넓다.", "방이 좁다.", 0)]},
    "klue_sts": {"dev": [TextExample("불 꺼 줘.", "조명 끄자.", 3.714285714285714)]},
    "klue_ner": {
        "dev": [
            TaggedText("김 구는 #1", ((0, 1), (2, 3), (3, 4), (5, 6), (6, 7)), ("B-PS", "I-PS", "O", "O", "B-QT")),
            TaggedText("와!", ((0, 1), (1, 2)), ("O", "O")),
        ]
    },
    "klue_mrc": {
        "dev": [
            Question("klue-mrc-v1_dev_00000", "도읍이 된 해는?", SEOUL, (Answer("1394년", 14), Answer("1394", 14))),
            Question("klue-mrc-v1_dev_00001", "부산의 옛 이름은?", SEOUL, ()),
        ]
    },
    "cmrc2018": {
        "train": [
            Question("TRAIN_1_QUERY_0", "改名在何时？", BEIJING, (Answer("永乐年间", BEIJING.index("永乐")),)),
            Question("TRAIN_1_QUERY_1", "新名？", BEIJING, (Answer("北京", BEIJING.rindex("北京")),)),
            Question("TRAIN_1_QUERY_2", "谁改？", BEIJING, (Answer("朱棣", None),)),
        ]
    },
    "drcd": {"test": [Question("1147-5-1", "何年設市？", TAIPEI, (Answer("西元一九二〇年", 9), Answer("一九二〇年", 11)))]},
    "xnli": {
        "train": [TextExample("他 关 了 门 。", "门 开 着 。", 0)],
        "dev": [TextExample('他说："妈，我回来了。', "他说话了。", 1)],
        "test": [TextExample("猫 在睡。", "猫醒着。", 0)],
    },
    "chnsenticorp": {"test": [TextExample('"房间很干净,""下次""再来', None, 1), TextExample("书页少了一半", None, 0)]},
    "lcqmc": {
        "train": [TextExample("怎么去火车站", "去火车站怎么走", 1)],
        "test": [TextExample("今天几号", "今天星期几", 0)],
    },
    "bq": {
        "train": [TextExample("怎么还款,今天", "如何还款", 1)],
        "test": [TextExample("额度多少", "为什么没额度", 0)],
    },
}
